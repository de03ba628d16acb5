"""`lookalive infer` proposes a configuration that loads and measures, and says how sure it is of what."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from streams.samples.shop import Shop
from streams.samples.web_acl import WebAcl
from tests.streams.cli.inferred import (
    HOUR,
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


def test_rows_that_were_added_up_say_their_interval_and_are_measured_in_full(tmp_path: Path) -> None:
    path = hourly(tmp_path / "shop-2026.csv.gz")
    found = answer(path)

    assert detector(found)["interval"] == "PT1H"
    assert found["interval"]["sure"] == "high"
    assert detector(found)["dimensions"] == ["platform", "marketplace"]
    assert measures(found) == {
        "rows": {"aggregation": "count"},
        "views": {"aggregation": "sum", "field": "views"},
        "revenue": {"aggregation": "sum", "field": "revenue"},
    }
    assert "labels" in why_not(found)["views_label"]
    assert '{ name = "revenue_per_views", ratio = ["revenue", "views"] }' in found["hints"]
    tally = backtest(path, found["toml"], tmp_path)
    assert (tally["events"], tally["refused"], tally["late"]) == (480, {}, 0)


def test_the_shops_events_are_clickstream_and_each_stage_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "clicks.jsonl"
    events = [event for _, event in Shop(seed=1).events(NOW, NOW + HOUR // 2)]
    path.write_bytes(b"\n".join(events) + b"\n")
    found = answer(path)

    assert (found["format"]["value"], found["format"]["sure"]) == ("clickstream", "high")
    assert "time" not in source(found)
    assert detector(found)["dimensions"] == ["platform", "marketplace"]
    assert detector(found)["interval"] == "PT5M"
    assert {name: how.get("where") for name, how in measures(found).items() if name != "amount"} == {
        "events": None,
        "view": {"event": "view"},
        "cart": {"event": "cart"},
        "checkout": {"event": "checkout"},
        "purchase": {"event": "purchase"},
    }
    assert measures(found)["amount"] == {"aggregation": "sum", "field": "amount"}
    assert 'funnel = ["view", "cart", "checkout", "purchase"], if each leads to the next' in found["hints"]
    assert {"session", "user", "product", "order", "currency"} <= set(why_not(found))
    tally = backtest(path, found["toml"], tmp_path)
    assert (tally["events"], tally["refused"], tally["late"]) == (len(events), {}, 0)


def test_the_web_acls_log_is_known_and_requests_are_counted_once(tmp_path: Path) -> None:
    path = tmp_path / "waf.jsonl"
    path.write_bytes(b"\n".join(record for _, record in WebAcl(seed=1).events(NOW, NOW + HOUR)))
    found = answer(path)

    assert (found["format"]["value"], found["format"]["sure"]) == ("aws-waf", "high")
    assert measures(found)["requests"] == {"aggregation": "count", "where": {"action": {"not": "COUNT"}}}
    assert measures(found)["block"] == {"aggregation": "count", "where": {"action": "BLOCK"}}
    assert "rule" in detector(found)["dimensions"]
    assert not {"client_ip", "uri", "user_agent", "action"} & set(detector(found)["dimensions"])
    assert "end of values" in why_not(found)["client_ip"]
    tally = backtest(path, found["toml"], tmp_path)
    assert (tally["refused"], tally["late"]) == ({}, 0)
    assert tally["events"] >= len(path.read_bytes().splitlines())


def test_nested_json_is_read_by_its_paths(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "orders.jsonl",
        ({"meta": {"at": r["created_at"], "id": n}, **r} for n, r in enumerate(orders(), 1_000)),
    )
    records = [json.loads(line) for line in path.read_text().splitlines()]
    for record in records:
        del record["created_at"]
    found = answer(lines(path, records))

    assert (source(found)["time"], source(found)["time_unit"]) == ("meta.at", "iso")
    assert sorted(detector(found)["dimensions"]) == ["channel", "geo.country"]
    assert measures(found)["total"] == {"aggregation": "sum", "field": "total"}
    tally = backtest(path, found["toml"], tmp_path)
    assert (tally["events"], tally["refused"]) == (600, {})


@pytest.mark.parametrize(
    ("unit", "times"),
    [
        ("s", lambda ms: ms // 1000),
        ("s", lambda ms: ms / 1000),
        ("ms", lambda ms: ms),
        ("us", lambda ms: ms * 1_000),
        ("ns", lambda ms: ms * 1_000_000),
        ("iso", lambda ms: datetime.fromtimestamp(ms / 1000, UTC).isoformat()),
    ],
    ids=["s", "fractions-of-s", "ms", "us", "ns", "iso"],
)
def test_times_are_found_in_every_unit(tmp_path: Path, unit: str, times: Callable[[int], Any]) -> None:
    records = [{"n": n, "when": times(NOW + n * 7_013), "kind": "ab"[n % 2]} for n in range(200)]
    found = answer(lines(tmp_path / "x.jsonl", records))

    assert (found["time"]["value"], found["time_unit"]["value"]) == ("when", unit)
    assert found["time"]["sure"] == "high"


def test_of_several_times_the_one_of_the_event_is_taken_and_the_others_are_named(tmp_path: Path) -> None:
    changed = orders(
        updated_at=lambda n: NOW + n * 9_000, expires=lambda n: NOW + 86_400_000, order_no=lambda n: 10**9 + n
    )
    found = answer(lines(tmp_path / "orders.jsonl", changed))

    assert (found["time"]["value"], found["time"]["sure"]) == ("created_at", "high")
    assert "updated_at" in found["time"]["why"]
    assert "order_no" not in str(measures(found))


def test_amounts_and_counts_are_summed_and_rates_and_durations_have_a_mean(tmp_path: Path) -> None:
    rng = random.Random(1)
    changed = orders(
        latency_ms=lambda n: rng.uniform(3, 900),
        temperature=lambda n: rng.uniform(-5, 30),
        error_rate=lambda n: rng.uniform(0, 1),
        quantity=lambda n: rng.randint(1, 5),
        balance=lambda n: rng.uniform(-100, 100),
        tiny=lambda n: rng.uniform(1e-6, 2e-6),
    )
    found = answer(lines(tmp_path / "orders.jsonl", changed))

    got = measures(found)
    assert {name: how["aggregation"] for name, how in got.items()} == {
        "events": "count", "total": "sum", "latency_ms": "mean", "latency_ms_p95": "p95", "quantity": "sum",
        "temperature": "mean", "error_rate": "mean", "balance": "mean", "tiny": "mean",
    }  # fmt: skip
    sure = {chosen["value"]["name"]: chosen["sure"] for chosen in found["measures"]}
    assert (sure["latency_ms"], sure["balance"]) == ("high", "medium")
    assert got["tiny"]["scale"] == pytest.approx(1e-10)


def test_a_number_that_is_text_now_and_then_is_not_measured(tmp_path: Path) -> None:
    path = lines(tmp_path / "x.jsonl", orders(total=lambda n: "free" if n == 77 else 12.5 + n))
    found = answer(path)

    assert "total" not in measures(found)
    assert "would be refused" in why_not(found)["total"]
    assert backtest(path, found["toml"], tmp_path)["refused"] == {}


def test_addresses_ids_texts_and_what_says_nothing_new_are_no_dimensions(tmp_path: Path) -> None:
    rng = random.Random(1)
    path = lines(
        tmp_path / "x.jsonl",
        orders(
            source=lambda n: f"192.0.2.{n % 7}",
            visitor=lambda n: f"v{rng.randint(1, 9)}",
            note=lambda n: "please leave it at the door of the neighbour, thank you " * (1 + n % 2),
            sku=lambda n: f"sku-{rng.randint(1, 300)}",
            constant=lambda n: "same",
            paid=lambda n: n % 3 == 0,
            list=lambda n: [n],
        ),
    )
    found = answer(path)

    assert sorted(detector(found)["dimensions"]) == ["channel", "geo.country", "paid"]
    left_out = why_not(found)
    assert left_out["source"] == "its values are addresses"
    assert "no end of values" in left_out["visitor"]
    assert left_out["note"] == "its values are long texts"
    assert "too many" in left_out["sku"]
    assert left_out["constant"] == "it is always same"


def test_fields_that_say_the_same_are_one_dimension(tmp_path: Path) -> None:
    records = [{**r, "country_name": f"the land {r['geo']['country']}"} for r in orders()]
    found = answer(lines(tmp_path / "x.jsonl", records))

    assert sorted(detector(found)["dimensions"]) in (["channel", "country_name"], ["channel", "geo.country"])
    assert any("adds nothing" in why for why in why_not(found).values())


def test_the_number_of_leaves_stays_below_what_a_detector_has_room_for(tmp_path: Path) -> None:
    rng = random.Random(1)
    wide = {name: (lambda n, k=k: f"v{rng.randrange(k)}") for name, k in (("a", 90), ("b", 80), ("c", 70))}
    found = answer(lines(tmp_path / "x.jsonl", orders(20_000, **wide)))

    names = detector(found)["dimensions"]
    assert not {"a", "b", "c"} <= set(names)
    assert any("leaves" in why for why in why_not(found).values())


def test_two_million_users_are_no_dimension_and_are_read_in_bounded_memory(tmp_path: Path) -> None:
    path = tmp_path / "users.jsonl"
    with path.open("w", encoding="utf-8") as file:
        file.writelines(
            f'{{"ts":{NOW + n * 40},"member":"m{n}","app":"{"iw"[n % 2]}"}}\n' for n in range(2_000_000)
        )
    found = answer(path, "--records", "20000")

    assert detector(found)["dimensions"] == ["app"]
    assert "are too many" in why_not(found)["member"]
    assert found["records"] == 2_000_000
    assert found["looked_at"] <= 20_000
    # 25 a second are told from all of the file, and not from what was looked at.
    rate = re.search(r"some ([\d,]+) events a minute", found["interval"]["why"])
    assert rate is not None
    assert int(rate[1].replace(",", "")) == pytest.approx(1_500, rel=0.02)


def test_a_file_that_is_sorted_by_a_field_shows_all_of_its_values(tmp_path: Path) -> None:
    path = lines(tmp_path / "x.jsonl", sorted(orders(6_000), key=lambda r: str(r["channel"])))
    found = answer(path, "--records", "500")

    assert "channel" in detector(found)["dimensions"]
    assert "3 values" in {d["value"]: d["why"] for d in found["dimensions"]}["channel"]


def test_disorder_of_times_becomes_lateness(tmp_path: Path) -> None:
    rng = random.Random(1)
    records = [{"ts": NOW + n * 1_000 - rng.randint(0, 90_000), "a": "xy"[n % 2]} for n in range(3_000)]
    path = lines(tmp_path / "x.jsonl", records)
    found = answer(path)

    assert found["lateness"]["sure"] == "medium"
    assert detector(found)["lateness"] == "PT2M"
    assert backtest(path, found["toml"], tmp_path)["late"] == 0


def test_one_record_from_the_future_makes_the_others_no_later(tmp_path: Path) -> None:
    records = [{"ts": NOW + n * 1_000 + (10**10 if n == 50 else 0), "a": "xy"[n % 2]} for n in range(3_000)]
    found = answer(lines(tmp_path / "x.jsonl", records))

    assert detector(found)["lateness"] == "PT10S"


def test_without_a_time_it_proposes_all_else_and_says_so_with_its_status(tmp_path: Path) -> None:
    records = [{k: v for k, v in record.items() if k != "created_at"} for record in orders()]
    found = answer(lines(tmp_path / "x.jsonl", records), exit_code=1)

    assert (found["time"]["value"], found["time"]["sure"]) == ("", "low")
    assert "put the path of the event time here" in found["toml"]
    assert "channel" in detector(found)["dimensions"]


def test_times_as_people_write_them_are_named_where_records_cannot_have_them(tmp_path: Path) -> None:
    found = answer(
        lines(tmp_path / "x.jsonl", orders(created_at=lambda n: f"{1 + n % 28:02d}/01/2026 18:{n % 60:02d}")),
        exit_code=1,
    )

    assert "RFC 3339" in why_not(found)["created_at"]


def test_day_and_clock_in_two_columns_are_to_be_joined(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    rows = [f"2026-03-{1 + n // 24:02d},{n % 24:02d}:00,{n}" for n in range(100)]
    path.write_text("\n".join(["date,time,value", *rows]), encoding="utf-8")
    found = answer(path, exit_code=1)

    assert "two columns" in found["time"]["why"]


def test_several_files_are_one_sample(tmp_path: Path) -> None:
    everything = orders(400)
    one = lines(tmp_path / "one.jsonl", everything[:200])
    found = answer(one, lines(tmp_path / "two.jsonl", everything[200:]))

    assert (found["looked_at"], found["sample"], found["name"]) == (400, "one.jsonl, two.jsonl", "one")


def test_every_choice_is_a_comment_above_its_key_and_a_row_of_the_table(tmp_path: Path) -> None:
    result = run(lines(tmp_path / "x.jsonl", orders()))

    text = result.stdout.splitlines()
    for key in ("format", "time", "time_unit", "clock", "interval", "lateness", "severity_threshold"):
        (at,) = [n for n, line in enumerate(text) if line.startswith(f"{key} = ")]
        above = " ".join(text[max(0, at - 3) : at])
        assert f"# {key}: " in above
        assert any(f": {sure}: " in above for sure in ("high", "medium", "low"))
        assert key.removesuffix("_threshold") in result.stderr
    assert "# channel: high: 3 values, such as" in result.stdout
    assert "  # total: high: 'total' in its name says that it adds up" in result.stdout


def test_codes_of_responses_are_counted_one_by_one(tmp_path: Path) -> None:
    codes = [200] * 12 + [404, 503]
    found = answer(lines(tmp_path / "x.jsonl", orders(http=lambda n: {"status_code": codes[n % 14]})))

    assert measures(found)["status_code_503"] == {
        "aggregation": "count",
        "where": {"http.status_code": "503"},
    }
