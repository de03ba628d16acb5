"""Whatever a sample holds, `lookalive infer` answers with what loads, or with one sentence."""

from __future__ import annotations

import gzip
import json
import random
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from detectors.loading import parse
from streams.formats import FAILURES, BadEvent, Format, make_format
from tests.streams.cli.inferred import (
    NOW,
    answer,
    backtest,
    detector,
    hourly,
    lines,
    measures,
    orders,
    run,
    source,
    why_not,
)


def test_names_that_a_configuration_cannot_have_get_others(tmp_path: Path) -> None:
    records = orders(**{"Größe": lambda n: "SML"[n % 3], "total-netto €": lambda n: n + 0.5})
    path = lines(tmp_path / "Bestellungen März.jsonl", records)
    found = answer(path)

    assert found["name"] == "Bestellungen_Marz"
    assert source(found)["fields"]["Groe"] == "Größe"
    assert "Groe" in detector(found)["dimensions"]
    assert backtest(path, found["toml"], tmp_path)["refused"] == {}


def test_very_long_names_are_shortened_and_stay_apart(tmp_path: Path) -> None:
    long = "duration_" * 20
    records = orders(**{long + "a": lambda n: n + 0.5, long + "b": lambda n: n + 0.25})
    found = answer(lines(tmp_path / f"{'n' * 200}.jsonl", records))

    assert sum(how.get("field", "").startswith(long) for how in measures(found).values()) == 4


def test_values_that_would_break_out_stay_strings(tmp_path: Path) -> None:
    hostile = ["[bold]x[/]", '"]\n[sinks.x]\n', "'''", '\\"', "x # y"]
    records = orders(
        event=lambda n: hostile[n % 5],
        channel=lambda n: hostile[n % 5] + "\x1b[31m\u202e\x9b2J",
        **{'a"b]\n[x': lambda n: n % 3, "t\u2028x": lambda n: "a"},
    )
    path = lines(tmp_path / "x.jsonl", records)
    result = run(path)

    assert result.exit_code == 0, result.output
    configuration = parse(result.stdout)
    assert list(configuration.sinks) == []
    for text in (result.stdout, result.stderr):
        assert all(c.isprintable() or c == "\n" for c in text)
    assert "[bold]x[/]" in result.stderr
    assert backtest(path, result.stdout, tmp_path)["events"] == 600


def test_values_of_events_are_counted_as_the_texts_that_they_are(tmp_path: Path) -> None:
    values = ['say "hi"', "it's", "a\\b", "true", "404"]
    path = lines(tmp_path / "x.jsonl", orders(event=lambda n: values[n % 5]))
    found = answer(path)

    wanted = {how["where"]["event"] for how in measures(found).values() if "where" in how}
    assert wanted == set(values)


def test_one_line_is_enough_for_a_proposal_that_is_sure_of_little(tmp_path: Path) -> None:
    found = answer(lines(tmp_path / "x.jsonl", orders(1)))

    assert found["time"]["value"] == "created_at"
    assert {found["interval"]["sure"], *(m["sure"] for m in found["measures"][1:])} == {"low"}


def test_mixed_rubbish_is_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    path = lines(tmp_path / "x.jsonl", orders(300))
    good = path.read_bytes().splitlines()
    bad = [b"\xff\xfe\x00", b"[1, 2]", b'"text"', b"{", b"[" * 100_000, b'{"a": 1e999}', b"null"]
    path.write_bytes(b"\n".join([*bad, *good]))
    found = answer(path)

    assert (found["refused"], found["looked_at"]) == (len(bad), 307)
    assert found["first_refused"].startswith("x.jsonl: line 1: ")
    assert "7 records cannot be read" in found["toml"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("x.jsonl", b"", "there is no record in it"),
        ("x.jsonl", b"\n \n", "there is no record in it"),
        (
            "x.jsonl",
            random.Random(0).randbytes(5_000),
            "none can be read as JSON: x.jsonl: line 1: the record is not UTF-8",
        ),
        ("x.jsonl", b"a,b\n1,2\n", "a file whose name ends in .csv or .tsv"),
        ("x.jsonl", b'[\n{"a": 1},\n{"a": 2}\n]\n', "only 1 of 4 records can be read as JSON"),
        ("x.jsonl.gz", b'{"a": 1}\n', "is not gzip"),
        ("x.jsonl.gz", gzip.compress(b'{"a": 1}\n' * 9_000)[:-20], "cannot be unpacked"),
        ("x.jsonl", b"{" + b" " * (8 * 1024 * 1024) + b"}", "longer than 8 MiB"),
        ("x.csv", b"", "there are no rows in it"),
        ("x.csv", b"2026-03-01 00:00,7\n2026-03-01 01:00,8\n", "the first line must name the columns"),
        ("x.csv", b"time,a,a\n2026-03-01 00:00,7,8\n", "several columns are called 'a'"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    result = run(path)

    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1


def test_rows_and_lines_are_not_read_together(tmp_path: Path) -> None:
    result = run(hourly(tmp_path / "a.csv"), lines(tmp_path / "b.jsonl", orders(3)))

    assert result.exit_code == 2
    assert "not both at once" in result.stderr


@pytest.mark.parametrize("arguments", [(), ("--topic", "x", "file")], ids=["neither", "both"])
def test_files_or_a_topic_are_named(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    path = lines(tmp_path / "x.jsonl", orders(3))
    result = run(*(str(path) if one == "file" else one for one in arguments))

    assert result.exit_code == 2
    assert "--topic NAME" in result.stderr


def test_a_file_that_is_there_is_written_over_only_by_force(tmp_path: Path) -> None:
    path, output = lines(tmp_path / "x.jsonl", orders()), tmp_path / "lookalive.toml"
    assert run(path, "-o", output).exit_code == 0
    written = output.read_text(encoding="utf-8")
    output.write_text("mine", encoding="utf-8")
    refused = run(path, "-o", output)
    assert (refused.exit_code, output.read_text(encoding="utf-8")) == (2, "mine")
    assert "--force" in refused.stderr
    forced = run(path, "-o", output, "--force")
    assert (forced.exit_code, forced.stdout, output.read_text(encoding="utf-8")) == (0, "", written)


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)
names = st.sampled_from(["ts", "time", "event", "a.b", "a", "", "9", "value", "event_time", "class"])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | st.text(max_size=5), inner),
    max_leaves=6,
)
record = st.dictionaries(names | st.text(max_size=8), values, max_size=6)
json_lines = st.lists(
    record.map(lambda r: json.dumps(r).encode())
    | record.map(lambda r: json.dumps({**r, "ts": NOW}).encode())
    | st.binary(max_size=20),
    max_size=12,
).map(b"\n".join)
cells = st.sampled_from(["1", "2,5", "x", "", "NA", "2026-03-01 00:00", "1790000400", '"', "007"]) | st.text(
    max_size=8
)
csv_lines = st.lists(st.lists(cells, min_size=1, max_size=4).map(",".join), max_size=12).map(
    lambda rows: "\n".join(rows).encode("utf-8", "surrogatepass")
)


def test_a_field_in_what_is_not_always_an_object_is_not_read(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "x.jsonl", orders(geo=lambda n: {"country": "AB"[n % 2]} if n % 99 else "unknown")
    )
    found = answer(path)

    assert "geo.country" not in detector(found)["dimensions"]
    assert "geo is no object in some records" in why_not(found)["geo.country"]
    assert backtest(path, found["toml"], tmp_path)["events"] == 600


def test_large_amounts_are_not_taken_for_times(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    rng = random.Random(1)
    rows = [f"{'ab'[n % 2]},{rng.randint(700_000_000, 3_000_000_000)}" for n in range(100)]
    path.write_text("\n".join(["shop,turnover", *rows]), encoding="utf-8")

    assert answer(path, exit_code=1)["time"]["sure"] == "low"


def test_a_number_beyond_what_formats_take_is_not_measured(tmp_path: Path) -> None:
    path = lines(tmp_path / "x.jsonl", orders(total=lambda n: 2e15 if n == 7 else 1.5))
    found = answer(path)

    assert "total" not in measures(found)
    assert backtest(path, found["toml"], tmp_path)["events"] == 600


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
@given(data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_whatever_the_sample_the_output_loads_or_is_one_sentence(
    tmp_path: Path, suffix: str, data: st.DataObject
) -> None:
    path = tmp_path / f"x.{suffix}"
    sample = data.draw(json_lines if suffix == "jsonl" else csv_lines)
    # Several times the same, so that fields become dimensions and events.
    path.write_bytes(b"\n".join([sample] * data.draw(st.sampled_from([1, 7]))))
    result = run(path)

    assert isinstance(result.exception, SystemExit | None), result.exception
    if result.exit_code == 2:
        assert result.stderr.startswith("Error: ")
        assert len(result.stderr.strip().splitlines()) == 1
        assert result.stdout == ""
    else:
        configuration = parse(result.stdout)
        if result.exit_code == 0 and suffix == "jsonl":
            ((name, described),) = configuration.streamed.items()
            format_ = make_format(name, described, configuration.fields_of(name))
            assert [error for line in sample.splitlines() if (error := refusal(format_, line))] == []
        assert result.exit_code in (0, 1)


def refusal(format_: Format, line: bytes) -> BadEvent | None:
    """Why a line that is a JSON object with a time is refused, if it is."""
    with suppress(*FAILURES):
        if isinstance(msgspec.json.decode(line.strip()), dict):
            try:
                format_.parse(line.strip())
            except BadEvent as error:
                return None if error.reason in {"no_time", "bad_time"} else error
    return None
