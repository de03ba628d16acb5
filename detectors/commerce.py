"""Days of trade that are no public holidays, by rule: which days of a year, in which country.

A day is here only where a rule says when it is, the same each year; sales that a shop sets itself are
its own occasions.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from dateutil.easter import easter

MONDAY, THURSDAY, SUNDAY = 0, 3, 6

Rule = Callable[[int], date]


def days_of_trade(year: int, country: str | None) -> dict[date, str]:
    """The days of trade of a year, in order; without a country those that all have alike.

    >>> [day.isoformat() for day, name in days_of_trade(2026, "DE").items() if "Black" in name]
    ['2026-11-27', '2026-11-28', '2026-11-29']
    """
    thanksgiving = _nth(year, 11, THURSDAY, 4)
    days = {
        date(year, 2, 14): "Valentine's Day",
        date(year, 11, 11): "Singles' Day",
        thanksgiving + timedelta(days=1): "Black Friday",
        thanksgiving + timedelta(days=2): "Black Friday weekend",
        thanksgiving + timedelta(days=3): "Black Friday weekend",
        thanksgiving + timedelta(days=4): "Cyber Monday",
        date(year, 12, 24): "Christmas Eve",
        date(year, 12, 31): "New Year's Eve",
    }
    if country in BOXING_DAY:
        days[date(year, 12, 26)] = "Boxing Day"
    mothers_day = MOTHERS_DAY.get(country or "")
    if mothers_day is not None:
        days[mothers_day(year)] = "Mother's Day"
    return dict(sorted(days.items()))


def _nth(year: int, month: int, weekday: int, n: int) -> date:
    """The n-th such weekday of a month.

    >>> _nth(2026, 5, SUNDAY, 2).isoformat()
    '2026-05-10'
    """
    first = date(year, month, 1)
    return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))


def _last_sunday(year: int, month: int) -> date:
    later = date(year + month // 12, month % 12 + 1, 1)
    return later - timedelta(days=(later.weekday() - SUNDAY - 1) % 7 + 1)


def _french(year: int) -> date:
    """The last Sunday of May, or a week later where that is Pentecost."""
    last, pentecost = _last_sunday(year, 5), _easter(year) + timedelta(days=49)
    return last + timedelta(days=7) if last == pentecost else last


def _second_sunday_of_may(year: int) -> date:
    return _nth(year, 5, SUNDAY, 2)


def _first_sunday_of_may(year: int) -> date:
    return _nth(year, 5, SUNDAY, 1)


def _easter(year: int) -> date:
    day: date = easter(year)
    return day


def _mid_lent(year: int) -> date:
    return _easter(year) - timedelta(days=21)


BOXING_DAY = frozenset({"GB", "IE", "CA", "AU", "NZ", "ZA"})

SECOND_SUNDAY_OF_MAY = (
    "AT", "AU", "BE", "BR", "CA", "CH", "CL", "CN", "CO", "CZ", "DE", "DK", "EE", "FI", "GR", "HR", "IN",
    "IT", "JP", "LV", "MY", "NL", "NZ", "PE", "PH", "SG", "SK", "TR", "TW", "UA", "US", "ZA",
)  # fmt: skip
MOTHERS_DAY: dict[str, Rule] = {
    **dict.fromkeys(SECOND_SUNDAY_OF_MAY, _second_sunday_of_may),
    **dict.fromkeys(("ES", "HU", "LT", "PT", "RO"), _first_sunday_of_may),
    **dict.fromkeys(("GB", "IE"), _mid_lent),
    "FR": _french,
    "SE": lambda year: _last_sunday(year, 5),
    "NO": lambda year: _nth(year, 2, SUNDAY, 2),
    "AR": lambda year: _nth(year, 10, SUNDAY, 3),
    "MX": lambda year: date(year, 5, 10),
    "PL": lambda year: date(year, 5, 26),
}
