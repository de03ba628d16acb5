"""`lookalive check` says what calendars know, so that a day that is missing is missed before it comes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from detectors.config import Calendar, Config, LocalTime, Occasion
from streams.cli import main
from streams.cli.calendars import coming, lines
from tests.detectors.builders import config, detector

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)


def shop(calendar: Calendar, **changes: Any) -> Config:
    configuration = config(detector(dimensions=("marketplace",), calendars=["own"], **changes))
    return Config(configuration.sources, configuration.detectors, calendars={"own": calendar})


def told(calendar: Calendar, **changes: Any) -> list[str]:
    (watched,) = coming(shop(calendar, **changes), NOW)
    return list(lines(watched))


def test_the_next_five_days_are_named() -> None:
    head, *days = told(Calendar(country="DE", subdivision="BE", commercial=True), timezone="Europe/Berlin")

    assert head.startswith("calendar own for detector shop: public holidays of DE-BE (holidays ")
    assert head.endswith("), days of trade; expect; Europe/Berlin")
    assert days == [
        "  Fri 2026-11-27 Black Friday",
        "  Sat 2026-11-28 Black Friday weekend",
        "  Sun 2026-11-29 Black Friday weekend",
        "  Mon 2026-11-30 Cyber Monday",
        "  Thu 2026-12-24 Christmas Eve",
    ]


def test_margins_and_hours_are_told_on_the_clocks_of_the_place() -> None:
    sale = Calendar(
        occasions=[Occasion(name="Sale", start="2026-12-01T18:00:00+00:00", duration=timedelta(hours=2))],
        where={"marketplace": "JP"},
        mode=["do-not-learn", "do-not-alert"],
        margin_after=timedelta(minutes=30),
    )
    tokyo = LocalTime(where={"marketplace": "JP"}, timezone="Asia/Tokyo")

    assert told(sale, timezones=[tokyo]) == [
        "calendar own for detector shop: 1 of its own; do-not-alert and do-not-learn, "
        "where marketplace matches; Asia/Tokyo",
        "  Wed 2026-12-02 03:00 to Wed 2026-12-02 05:30 Sale",
    ]


def test_a_stretch_of_days_is_told_by_its_first_and_last() -> None:
    fair = Calendar(occasions=[Occasion(name="Fair", start="2026-12-28", end="2027-01-03")])
    past = Calendar(occasions=[Occasion(name="Fair", start="2020-12-28")])

    assert told(fair)[1:] == ["  Mon 2026-12-28 to Sat 2027-01-02 Fair"]
    assert told(past)[1:] == ["  nothing in the next two years"]


def test_check_prints_them_as_text_and_as_json(tmp_path: Path) -> None:
    (tmp_path / "plan.ics").write_text(
        "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\nSUMMARY:Fair\nDTSTART;VALUE=DATE:20200229\n"
        "RRULE:FREQ=MONTHLY\nEND:VEVENT\nEND:VCALENDAR\n"
    )
    path = tmp_path / "lookalive.toml"
    path.write_text(
        """
        [sources.shop]
        topic = "shop"
        format = "clickstream"
        [calendars.plan]
        files = ["plan.ics"]
        [[detectors]]
        name = "shop"
        source = "shop"
        interval = "PT1H"
        measures = [{ name = "events", aggregation = "count" }]
        calendars = ["plan"]
        """
    )

    text = CliRunner().invoke(main, ["check", "-c", str(path)])
    as_json = CliRunner().invoke(main, ["check", "-c", str(path), "--json"])

    assert "calendar plan for detector shop: plan.ics; expect; UTC\n" in text.stdout
    (calendar,) = json.loads(as_json.stdout)["calendars"]
    assert [day["name"] for day in calendar["next"]] == ["Fair"] * 5
