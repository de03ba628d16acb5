"""What people read: a place, a number and an anomaly in plain words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from detectors.bars import HIGHEST
from detectors.config import Fill, Measure
from detectors.records import Anomaly, Evidence, Level, Part
from detectors.severity import DECADE, ONCE_A_WEEK

#: Dimensions that people say with a preposition; any other is named.
_PREPOSITIONS = {
    "platform": "on", "device": "on", "host": "on", "server": "on",
    "marketplace": "in", "country": "in", "region": "in", "city": "in", "market": "in",
}  # fmt: skip

#: From so many times what was expected on, a value is told as a multiple of it.
MANY_TIMES = 3
#: From which severity on it is called so.
HIGH, MEDIUM = 70, 40

_MISSING: Mapping[Fill, str] = {
    "zero": "zero",
    "previous": "the one before",
    "gap": "told of if that is unusual",
    "ignore": "never told of",
    "alarm": "always told of",
}


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


def many(count: int, what: str) -> str:
    """A count of things.

    >>> many(1, "alert"), many(1200, "alert")
    ('1 alert', '1,200 alerts')
    """
    return f"{count:,} {what}" + ("" if count == 1 else "s")


def anomaly_in_words(anomaly: Anomaly) -> str:
    """What, where and how much: `orders on mobile_app in DE: 12, expected 240 (210–268), severity 97`."""
    place = place_in_words(anomaly.dimensions)
    if anomaly.direction == "together":
        return f"all measures{place} together: an unusual combination, severity {anomaly.severity:.0f}"
    where = f"{anomaly.measure}{place}"
    if (change := anomaly.level_change) is not None:
        level = f"the level has changed to about {number(change.now)}, {number(change.before)} before"
        return f"{where}: {level}, severity {anomaly.severity:.0f}"
    said = number(anomaly.value)
    if anomaly.value == 0 and anomaly.direction == "below":
        said = "fell to zero"
    if anomaly.expected is None:
        return f"{where}: {said}, severity {anomaly.severity:.0f}"
    band = ""
    if anomaly.lower is not None and anomaly.upper is not None:
        band = f" ({number(anomaly.lower)}–{number(anomaly.upper)})"
    expected = f"expected {number(anomaly.expected)}{band}{_times(anomaly)}"
    return f"{where}: {said}, {expected}, severity {anomaly.severity:.0f}"


def _times(anomaly: Anomaly) -> str:
    """How many times as much a value is, and what it is told beside: `, 490 times that, vcpus 2`."""
    said = "" if anomaly.line is None else f", {anomaly.line.measure} {number(anomaly.line.value)}"
    value, expected = anomaly.value, anomaly.expected
    if value is None or expected is None or expected <= 0 or value < MANY_TIMES * expected:
        return said
    return f", {number(float(f'{value / expected:.2g}'))} times that{said}"


def level_of(severity: float) -> Level:
    """A severity in one word.

    >>> level_of(97.0), level_of(40.0), level_of(12.0)
    ('HIGH', 'MEDIUM', 'LOW')
    """
    return "HIGH" if severity >= HIGH else "MEDIUM" if severity >= MEDIUM else "LOW"


def elements_in_words(elements: Sequence[Mapping[str, str]], share: float | None) -> str:
    """Where an incident is.

    >>> elements_in_words([{"platform": "web"}, {"marketplace": "DE"}], 0.82)
    'on web and in DE (82 % of the change)'
    >>> elements_in_words([{}], None)
    'everywhere'
    """
    where = " and ".join(place_in_words(element).strip() or "everywhere" for element in elements[:3])
    more = f" and at {len(elements) - 3} more places" if len(elements) > 3 else ""
    of = "" if share is None else f" ({100 * share:.0f} % of the change)"
    return f"{where}{more}{of}"


def evidence_in_words(evidence: Evidence) -> str:
    """Where a number comes from, by one field.

    >>> evidence_in_words(Evidence("client_ip", 160, {"203.0.113.9": 150, "::1": 1}))
    'by client_ip: 203.0.113.9 94 %, ::1 1 %'
    """
    shares = (f"{plain(value)} {100 * n / evidence.events:.0f} %" for value, n in evidence.values.items())
    return f"by {evidence.field}: {', '.join(shares)}"


def mostly_in_words(evidences: Sequence[Evidence]) -> str:
    """What most of a number comes from, by each field with one value that is most of it; empty if none is.

    >>> mostly_in_words([Evidence("client_ip", 160, {"203.0.113.9": 150}), Evidence("uri", 160, {"/": 12})])
    'mostly client_ip 203.0.113.9 (94 %)'
    """
    most = []
    for evidence in evidences:
        if (value := evidence.mostly) is not None:
            share = evidence.values[value] / evidence.events
            most.append(f"{evidence.field} {plain(value)} ({100 * share:.0f} %)")
    return f"mostly {', '.join(most)}" if most else ""


def part_in_words(part: Part) -> str:
    """What is at one element of an incident.

    >>> part_in_words(Part({"platform": "web"}, "orders", 40.0, 100.0, 0.82, 0.974))
    'on web: orders 40, expected 100, share 82 %, confidence 0.97'
    """
    where = place_in_words(part.element).strip() or "everywhere"
    came = f"{part.measure} {number(part.actual)}, expected {number(part.expected)}"
    return f"{where}: {came}, share {100 * part.share:.0f} %, confidence {part.confidence:.2f}"


def extent_in_words(series: int, breadth: float) -> str:
    """How much of a detector an incident is.

    >>> extent_in_words(1, 0.0), extent_in_words(3_200, 0.254)
    ('1 series', '3,200 series, 25 % of the detector')
    """
    return f"{series:,} series" + (f", {100 * breadth:.0f} % of the detector" if breadth >= 0.005 else "")


def rarity_in_words(severity: float, interval: timedelta) -> str:
    """How unusual a severity is: how often a series that is well shows it.

    >>> rarity_in_words(70, timedelta(minutes=5)), rarity_in_words(100, timedelta(hours=1))
    ('one in 20,000 such intervals', 'less than one in 53,000 such intervals')
    """
    times_a_week = 10 ** ((ONCE_A_WEEK - severity) / DECADE)
    intervals = timedelta(weeks=1) / interval / times_a_week
    at_most = "less than " if severity >= HIGHEST else ""
    return f"{at_most}one in {max(float(f'{intervals:.2g}'), 2):,.0f} such intervals"


def rules_in_words(measure: Measure, sensitivity: float = 1.0) -> list[str]:
    """What of a measure is told of, where that is not all that is unusual.

    `sensitivity` is that of all measures.

    >>> rules_in_words(Measure(name="orders", aggregation="count", direction="below", breaches=(3, 5)))
    ['only below what was expected', 'when off in 3 of 5 intervals']
    """
    said = []
    if measure.direction != "both":
        said.append(f"only {measure.direction} what was expected")
    if measure.minimum_change:
        said.append(f"off by at least {number(measure.minimum_change)}")
    if measure.minimum_relative_change:
        said.append(f"off by at least {measure.minimum_relative_change * 100:g} %")
    if measure.minimum_volume and measure.ratio is not None:
        said.append(f"from {number(measure.minimum_volume)} {measure.ratio[1]} on")
    if measure.missing is not None:
        said.append(f"without a value: {_MISSING[measure.missing]}")
    if measure.breaches != (1, 1):
        said.append(f"when off in {measure.breaches[0]} of {measure.breaches[1]} intervals")
    if (times := sensitivity * measure.sensitivity) != 1:
        said.append(f"{times:g} times as many false episodes as elsewhere")
    return said


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


def duration_in_iso(duration: timedelta) -> str:
    """A length of time as it is written in the configuration.

    >>> duration_in_iso(timedelta(minutes=90)), duration_in_iso(timedelta(days=1))
    ('PT1H30M', 'P1D')
    """
    minutes, seconds = divmod(duration.total_seconds(), 60)
    hours, minutes = divmod(int(minutes), 60)
    days, hours = divmod(hours, 24)
    date = f"{days}D" if days else ""
    clock = "".join(f"{n:g}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if n)
    return f"P{date}T{clock}" if clock else f"P{date or 'T0S'}"
