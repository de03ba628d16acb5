"""Days of trade are where their rules put them, in years of which the dates are known."""

from __future__ import annotations

from datetime import date

import pytest

from detectors.commerce import days_of_trade


def named(name: str, year: int, country: str | None = None) -> list[str]:
    return [day.isoformat() for day, its in days_of_trade(year, country).items() if its == name]


@pytest.mark.parametrize(
    ("year", "friday", "monday"),
    [
        (2019, "2019-11-29", "2019-12-02"),
        (2023, "2023-11-24", "2023-11-27"),
        (2024, "2024-11-29", "2024-12-02"),
        (2025, "2025-11-28", "2025-12-01"),
        (2026, "2026-11-27", "2026-11-30"),
    ],
)
def test_black_friday_follows_thanksgiving(year: int, friday: str, monday: str) -> None:
    assert named("Black Friday", year) == [friday]
    assert named("Cyber Monday", year) == [monday]
    assert named("Black Friday weekend", year)[0] > friday


@pytest.mark.parametrize(
    ("country", "year", "day"),
    [
        ("DE", 2026, "2026-05-10"), ("US", 2025, "2025-05-11"), ("GB", 2026, "2026-03-15"),
        ("GB", 2025, "2025-03-30"), ("FR", 2026, "2026-05-31"), ("FR", 2023, "2023-06-04"),
        ("ES", 2026, "2026-05-03"), ("SE", 2026, "2026-05-31"), ("NO", 2026, "2026-02-08"),
        ("AR", 2026, "2026-10-18"), ("MX", 2026, "2026-05-10"), ("PL", 2026, "2026-05-26"),
    ],
)  # fmt: skip
def test_mothers_day_is_where_the_country_has_it(country: str, year: int, day: str) -> None:
    assert named("Mother's Day", year, country) == [day]


def test_what_countries_have_each_their_own_way_is_unknown_without_one() -> None:
    assert named("Mother's Day", 2026) == named("Boxing Day", 2026) == []
    assert named("Boxing Day", 2026, "GB") == ["2026-12-26"]
    assert named("Boxing Day", 2026, "US") == []


def test_the_days_that_all_have_alike_are_in_order() -> None:
    days = days_of_trade(2026, None)

    assert list(days) == sorted(days)
    assert days[date(2026, 11, 11)] == "Singles' Day"
    assert days[date(2026, 2, 14)] == "Valentine's Day"
    assert days[date(2026, 12, 24)] == "Christmas Eve"
    assert days[date(2026, 12, 31)] == "New Year's Eve"
