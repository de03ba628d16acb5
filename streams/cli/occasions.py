"""The occasions of one series, from options: public holidays, days of trade, iCalendar files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from zoneinfo import ZoneInfo

import click
import msgspec

from detectors.calendars import Almanac, countries, public_holidays, recurrences
from detectors.config import Calendar, CalendarFile
from streams.csv_files.times import Time
from streams.errors import OperatorError

#: Any year in which there are holidays.
SOME_YEAR = 2026


class HolidaysOf(click.ParamType):
    """A country, or a part of one, as a calendar of its public holidays."""

    name = "country"

    def convert(
        self, value: str | Calendar, param: click.Parameter | None, ctx: click.Context | None
    ) -> Calendar:
        """Find it."""
        if isinstance(value, Calendar):
            return value
        country, _, subdivision = value.partition("-")
        calendar = Calendar(country=country.upper(), subdivision=subdivision or None)
        if calendar.country not in countries():
            self.fail(
                f"no public holidays of {country!r} are known; expected two letters such as DE, or DE-BY of "
                "a part of it",
                param,
                ctx,
            )
        try:
            public_holidays(calendar, SOME_YEAR)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return calendar


class Occasions:
    """What is known beforehand to be unlike other times."""

    def __init__(
        self, holidays: Calendar | None, files: Sequence[Path], zone: ZoneInfo | None, *, trade_days: bool
    ) -> None:
        """Read the files.

        Raises:
            OperatorError: one of them is no calendar.
        """
        calendar = msgspec.structs.replace(
            holidays or Calendar(),
            commercial=trade_days,
            files=[CalendarFile(str(path), path.read_text("utf-8", "replace")) for path in files],
        )
        try:
            recurrences(calendar)
        except ValueError as error:
            raise OperatorError(str(error)) from error
        self._zone = zone
        self._almanac = Almanac(calendar, "UTC" if zone is None else zone.key)

    def during(self, time: Time, length: int) -> list[str]:
        """The names of those that an interval touches.

        Without a time zone, days are those of the clock on the wall.
        """
        start = time.clock if self._zone is None else time.ms
        return self._almanac.during(start, start + length)
