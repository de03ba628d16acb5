"""Durations and times as options have them."""

from __future__ import annotations

from datetime import timedelta

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
