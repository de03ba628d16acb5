"""Nothing of the values in a statement is left, and what differs in them alone is one statement."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.sampling.statements import LONGEST, identified, normalised


@pytest.mark.parametrize(
    ("statement", "dialect", "said"),
    [
        ("SELECT 1", "postgres", "SELECT ?"),
        ("select * from t where a = $1 and b = 'x''y'", "postgres", "select * from t where a = ? and b = ?"),
        ("select $$secret$$, $tag$secret$tag$", "postgres", "select ?"),
        ("select E'se\\'cret', B'101', x'1F'", "postgres", "select ?"),
        (
            'select "Odd name" from t -- secret\nwhere a=1.5e3',
            "postgres",
            'select "Odd name" from t where a=?',
        ),
        ("select /* secret */ a from t", "postgres", "select a from t"),
        ('select `odd name`, "secret" from t', "mysql", "select `odd name`,? from t"),
        ("insert into t values (1, 'a'), (2, 'b'), (3, 'c')", "mysql", "insert into t values (?)"),
        ("select a from t where id in (1, 2, 3, 4)", "mysql", "select a from t where id in (?)"),
        ("select a\n\n  from\tt", "mysql", "select a from t"),
        ("BEGIN", "postgres", "BEGIN"),
        ("", "postgres", ""),
    ],
)
def test_values_are_left_out(statement: str, dialect: str, said: str) -> None:
    assert normalised(statement, dialect).replace(", ?", ",?") == said.replace(", ?", ",?")


@pytest.mark.parametrize("cut", ["select 'half of a sec", "update t set a = $$half", 'select "half'])
def test_of_a_statement_that_was_cut_within_a_text_only_the_verb_is_left(cut: str) -> None:
    said = normalised(cut, "postgres")
    assert "half" not in said
    assert said.split(" ", 1)[0] in {"SELECT", "UPDATE"}


SECRETS = st.text(string.ascii_letters + string.digits, min_size=6, max_size=20).map(lambda text: f"Zq{text}")


@given(secret=SECRETS, dialect=st.sampled_from(["postgres", "mysql"]))
def test_a_text_never_is_in_what_is_told(secret: str, dialect: str) -> None:
    for statement in (
        f"select '{secret}'",
        f"insert into t values (7, '{secret}', '{secret}')",
        f"call f('{secret}",
    ):
        assert secret not in normalised(statement, dialect)


@given(statement=st.text(max_size=200), dialect=st.sampled_from(["postgres", "mysql"]))
def test_whatever_a_session_runs_is_told_in_a_line_of_bounded_length(statement: str, dialect: str) -> None:
    said = normalised(statement, dialect)
    assert len(said) <= LONGEST
    assert identified(said) == identified(said)


def test_a_long_statement_is_cut() -> None:
    assert len(normalised("select " + ", ".join(f"column_{n}" for n in range(500)), "postgres")) == LONGEST
