"""What is written says what the tables say, whatever is in them."""

from __future__ import annotations

import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.lookout.remarks import Remark
from streams.lookout.writing import Tables, write

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
LINES = st.lists(TEXT, min_size=2, max_size=4).map("\n".join) | st.just("select 'a'\n'")
VALUE = TEXT | LINES | st.integers(-(2**63), 2**63 - 1) | st.booleans() | st.lists(TEXT, max_size=3)
TABLE = st.dictionaries(TEXT, VALUE | st.dictionaries(TEXT, TEXT, max_size=2), max_size=4)


@given(sources=st.dictionaries(TEXT, TABLE, max_size=3), detectors=st.lists(TABLE, max_size=3), comment=TEXT)
def test_a_text_says_what_the_tables_say(
    sources: dict[str, Any], detectors: list[dict[str, Any]], comment: str
) -> None:
    for n, table in enumerate(detectors):
        table["name"] = f"detector {n}"
        table["measures"] = [{"name": comment, "field": "x"}]
    tables: Tables = {"sources": sources, "detectors": detectors}
    remarks = [Remark("to do", f"sources.{name}", comment) for name in sources]
    text = write(comment, tables, remarks, {"detectors.detector 0": comment})
    # Empty sections are not written.
    assert tomllib.loads(text) == {section: content for section, content in tables.items() if content}


def test_a_query_stays_as_it_is() -> None:
    query = "select \"a\\b\", 'c'\n\tfrom d"
    text = write("", {"sources": {"shop": {"query": query}}}, [], {})
    assert f"query = '''\n{query}'''\n" in text


def test_remarks_stand_above_their_tables_and_what_is_kept_does_not() -> None:
    remarks = [
        Remark("to do", "sources.a", "one"),
        Remark("changed", "sources.b", "two " * 40),
        Remark("missing", "sources.b", "three"),
        Remark("kept", "sources.b", "four"),
    ]
    text = write("title", {"sources": {"a": {"k": 1}, "b": {"k": 2}}}, remarks, {"sources.a": "The shop."})
    assert text.startswith("# title\n\n# The shop.\n# To do: one\n[sources.a]\nk = 1\n\n# Note: two two")
    assert text.endswith("two\n# No equivalent: three\n[sources.b]\nk = 2\n")
    assert max(map(len, text.splitlines())) <= 112
