"""Calendars and time zones in a configuration: valid, or refused in one sentence that says what to do."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from detectors.config import Calendar, ConfigError, Occasion
from detectors.loading import load, parse
from tests.detectors.builders import detector

SHOP = """
[sources.shop]
topic = "clickstream"
format = "clickstream"

[calendars.own]
country = "DE"
where = { marketplace = "DE" }

[[calendars.own.occasions]]
name = "Sale"
start = 2026-07-01
end = 2026-07-08

[[detectors]]
name = "shop"
source = "shop"
interval = "PT5M"
dimensions = ["platform", "marketplace"]
measures = [{ name = "views", aggregation = "count" }]
calendars = ["own"]
timezones = [{ where = { marketplace = "US" }, timezone = "America/New_York" }]
"""


def problem(old: str, new: str) -> str:
    assert old in SHOP
    with pytest.raises(ConfigError) as refused:
        parse(SHOP.replace(old, new, 1))
    return str(refused.value).removeprefix("lookalive.toml: ")


def test_a_calendar_is_read_with_its_defaults() -> None:
    config = parse(SHOP)

    own = config.calendars["own"]
    assert own == Calendar(
        country="DE", where={"marketplace": "DE"}, occasions=[Occasion("Sale", "2026-07-01", "2026-07-08")]
    )
    assert list(own.modes) == ["expect"]
    assert (own.margin_before, own.commercial) == (timedelta(0), False)
    assert [local.timezone for local in config.detector("shop").timezones] == ["America/New_York"]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-07-01T18:00:00", "2026-07-01T20:00:00"),
        ("2026-07-01T18:00:00Z", "2026-07-01T20:00:00+00:00"),
        ('"2026-07-01T18:00"', '"2026-07-01T20:00"'),
        ("2026-07-01", "2026-07-01T12:00:00"),
    ],
)
def test_times_may_be_those_of_toml_or_text(start: str, end: str) -> None:
    (occasion,) = (
        parse(SHOP.replace("2026-07-08", end).replace("2026-07-01", start, 1)).calendars["own"].occasions
    )

    assert occasion.start.startswith("2026-07-01")


def test_a_file_lies_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / "fair.ics").write_bytes(b"\xef\xbb\xbfBEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n")
    path = tmp_path / "lookalive.toml"
    path.write_text(SHOP.replace('country = "DE"', 'files = ["plans/fair.ics"]'))

    (file,) = load(path).calendars["own"].files

    assert (file.path, file.text[:5]) == ("plans/fair.ics", "BEGIN")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file or directory"),
        (b"\xff\xfe", "it is no UTF-8 text"),
        (b"hello", "calendar 'own': file fair.ics: "),
        (
            b"BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:Fair\nEND:VEVENT\nEND:VCALENDAR\n",
            "calendar 'own': file fair.ics: event 'Fair': ",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None, said: str) -> None:
    if content is not None:
        (tmp_path / "fair.ics").write_bytes(content)
    path = tmp_path / "lookalive.toml"
    path.write_text(SHOP.replace('country = "DE"', 'files = ["fair.ics"]'))

    with pytest.raises(ConfigError, match="calendar 'own'") as refused:
        load(path)
    assert said in str(refused.value)
    assert "fair.ics" in str(refused.value)


COUNTRY, SALE, SCOPE = 'country = "DE"', 'name = "Sale"', 'where = { marketplace = "DE" }'


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("country", "county", "unknown key 'calendars.own.county'; did you mean 'country'?"),
        ("end = 2026", "ends = 2026", "unknown key 'calendars.own.occasions[0].ends'; did you mean 'end'?"),
        ("timezone = ", "zone = ", "unknown key 'detectors[0].timezones[0].zone'; did you mean 'timezone'?"),
        (COUNTRY, 'country = "XX"', "calendar 'own': no public holidays of 'XX' are known; known: AD, AE"),
        (
            COUNTRY,
            'country = "Germany"',
            "Expected two capital letters, such as DE - at `calendars[...].country`",
        ),
        (
            COUNTRY,
            'country = "DE"\nsubdivision = "Berlin"',
            "calendar 'own': DE has no subdivision 'Berlin'; known: BB",
        ),
        (
            COUNTRY,
            'country = "DE"\ncategories = ["bank"]',
            "DE has no holidays of category 'bank'; known: catholic",
        ),
        (COUNTRY, 'subdivision = "BE"', "subdivision and categories are of a country; give one"),
        (
            COUNTRY,
            'mode = "ignore"',
            "`calendars[...].mode`; expected one of do-not-alert, do-not-learn, expect",
        ),
        (COUNTRY, "mode = []", "calendar 'own': no mode, so nothing is done"),
        (COUNTRY, 'margin_before = "-PT1H"', "calendar 'own': margin_before must be from PT0S to P31D"),
        (COUNTRY, 'margin_after = "P32D"', "calendar 'own': margin_after must be from PT0S to P31D"),
        (SCOPE, "rollups = true", "calendar 'own': rollups goes with where"),
        (
            SCOPE,
            "where = { market = 'DE' }",
            "detector 'shop': calendar 'own': where: 'market' is no dimension",
        ),
        (SCOPE, "where = { marketplace = [] }", "calendar 'own': where.marketplace asks for nothing"),
        (SALE, 'name = ""', "Expected `str` of length >= 1"),
        ("end = 2026-07-08", "end = 2026-06-08", "calendar 'own': occasion 'Sale': is over before it begins"),
        ("end = 2026-07-08", 'duration = "PT"', "durations are ISO 8601"),
        (
            "end = 2026-07-08",
            "end = 12",
            "Expected `str | null`, got `int` - at `calendars[...].occasions[0].end`",
        ),
        ("start = 2026-07-01", 'start = "tomorrow"', "occasion 'Sale': start = 'tomorrow' is no date"),
        (
            'calendars = ["own"]',
            'calendars = ["won"]',
            "detector 'shop': no calendar named 'won'; known: own",
        ),
        ('calendars = ["own"]', 'calendars = ["own", "own"]', "calendar 'own' is given twice"),
        ("America/New_York", "America/York", "no time zone 'America/York'; use a name such as Europe/Berlin"),
        ('where = { marketplace = "US" }, ', "where = {}, ", "timezones: 'America/New_York' has no where"),
        (
            'marketplace = "US"',
            'market = "US"',
            "timezones: 'America/New_York': where: 'market' is no dimension",
        ),
    ],
)
def test_nonsense_is_refused_in_a_sentence(old: str, new: str, said: str) -> None:
    assert said in problem(old, new)


def test_an_empty_calendar_is_refused() -> None:
    assert "calendar 'idle' is empty" in problem("[calendars.own]", "[calendars.idle]\n[calendars.own]")


def test_calendars_and_time_zones_of_places_are_no_part_of_what_is_measured() -> None:
    local = parse(SHOP).detector("shop").timezones

    assert detector(calendars=["own"], timezones=local).fingerprint == detector().fingerprint
