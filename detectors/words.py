"""What people read: a place, a number and an anomaly in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from detectors.records import Anomaly

#: Dimensions that people say with a preposition; any other is named.
_PREPOSITIONS = {
    "platform": "on", "device": "on", "host": "on", "server": "on",
    "marketplace": "in", "country": "in", "region": "in", "city": "in", "market": "in",
}  # fmt: skip


def place_in_words(dimensions: Mapping[str, str]) -> str:
    """A place as the end of a phrase; empty for the total.

    >>> place_in_words({"platform": "mobile_app", "marketplace": "DE", "rule": "XSS"})
    ' on mobile_app in DE, rule XSS'
    """
    said = "".join(f" {_PREPOSITIONS[k]} {plain(v)}" for k, v in dimensions.items() if k in _PREPOSITIONS)
    named = "".join(f", {k} {plain(v)}" for k, v in dimensions.items() if k not in _PREPOSITIONS)
    return said + (named if said or not named else named.replace(", ", " for ", 1))


def plain(value: str, longest: int = 80) -> str:
    """A value that a stranger may have chosen, as one short line of text.

    >>> plain("a" + chr(10) + "b" + chr(27) + "[31m")
    'a b [31m'
    """
    line = " ".join("".join(c if c.isprintable() else " " for c in value).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def number(value: float | None) -> str:
    """A number with three significant digits, or all digits of a whole number.

    >>> number(12.0), number(239.62), number(0.04567), number(1234567.0), number(None)
    ('12', '240', '0.0457', '1,234,567', 'nothing')
    """
    if value is None:
        return "nothing"
    if abs(value) >= 100 or value == int(value):
        return f"{value + 0.0:,.0f}"  # zero has no sign
    return f"{value:.3g}"


def anomaly_in_words(anomaly: Anomaly) -> str:
    """What, where and how much: `orders on mobile_app in DE: 12, expected 240 (210–268), severity 97`."""
    place = place_in_words(anomaly.dimensions)
    if anomaly.direction == "together":
        return f"all measures{place} together: an unusual combination, severity {anomaly.severity:.0f}"
    where = f"{anomaly.measure}{place}"
    if anomaly.expected is None:
        return f"{where}: {number(anomaly.value)}, severity {anomaly.severity:.0f}"
    band = ""
    if anomaly.lower is not None and anomaly.upper is not None:
        band = f" ({number(anomaly.lower)}–{number(anomaly.upper)})"
    return (
        f"{where}: {number(anomaly.value)}, expected {number(anomaly.expected)}{band}, "
        f"severity {anomaly.severity:.0f}"
    )


def duration_in_words(length: timedelta) -> str:
    """A length of time in its two largest units.

    >>> duration_in_words(timedelta(minutes=75)), duration_in_words(timedelta(seconds=40))
    ('1 h 15 min', '40 s')
    """
    seconds = int(length.total_seconds())
    parts = [
        (seconds // 86_400, "d"),
        (seconds // 3600 % 24, "h"),
        (seconds // 60 % 60, "min"),
        (seconds % 60, "s"),
    ]
    said = [f"{n} {unit}" for n, unit in parts if n][:2]
    return " ".join(said) or "0 s"
