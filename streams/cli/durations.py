"""Durations and times as options have them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import click
import msgspec


class Duration(click.ParamType):
    """A duration as the configuration spells it: `PT30M`, `P7D`."""

    name = "duration"

    def convert(
        self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None
    ) -> timedelta:
        """Read it."""
        if isinstance(value, timedelta):
            return value
        try:
            read = msgspec.convert(value, timedelta)
        except msgspec.ValidationError:
            self.fail(f"{value!r} is no duration: expected one such as PT30M or P7D", param, ctx)
        if read <= timedelta(0):
            self.fail("a duration must be longer than nothing", param, ctx)
        return read


class Moment(click.ParamType):
    """A time as ISO 8601 spells it: `2030-01-31`, `2030-01-31T12:00Z`; without a zone it is UTC."""

    name = "time"

    def convert(
        self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """Read it."""
        if isinstance(value, datetime):
            return value
        try:
            read = datetime.fromisoformat(value)
        except ValueError:
            self.fail(
                f"{value!r} is no time: expected one such as 2030-01-31 or 2030-01-31T12:00Z", param, ctx
            )
        # A zone may still lead out of the years that there are.
        try:
            return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
        except OverflowError:
            self.fail(f"{value!r} is out of the years that can be reckoned with", param, ctx)
