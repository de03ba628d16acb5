"""Planted incidents through a whole detector: is each one group, at the right place, with the right cause?

    python -m benchmarks.grouping [--json]

A shop of 96 leaves counts views, carts and orders, sums revenue, and has their conversion. Of each leaf views
have a size, a day and a noise of their own; each later measure is a part of the one before, some intervals
after it. Incidents come now and then, now and then two at once in leaves that have nothing in common: a
measure falls, or rises, at a place of one to three dimension values, unevenly, and what follows from it does
so too. They are judged by the groups that the detector makes of it, with the funnel declared and without.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from itertools import product

import numpy as np

from detectors.config import AlertRule, Config, Detector, Measure
from detectors.detection import Detection
from detectors.overlap import shares
from detectors.places import named
from detectors.records import AnomalyGroup, Event, Place, event_type, utc
from detectors.sources import Source

#: Not those by which the way to group was chosen.
SEEDS = (71, 72, 73, 74)
PLATFORMS, MARKETS, DEVICES = ("web", "app", "tv", "api"), ("DE", "FR", "UK", "US", "IT", "ES"), "abcd"
DIMENSIONS = ("platform", "marketplace", "device")
LEAVES = list(product(PLATFORMS, MARKETS, DEVICES))
FUNNEL = ("views", "carts", "orders")
MEASURES = (*FUNNEL, "revenue")
#: What causes what: all that is after a measure. Where orders come later than views, so does conversion.
AFTER = {
    "views": {"carts", "orders", "revenue", "conversion"},
    "carts": {"orders", "revenue", "conversion"},
    "orders": {"revenue", "conversion"},
    "revenue": set[str](),
}
INTERVAL = timedelta(hours=1)
DAYS, WARM_UP = 49, 14
START = 1_767_571_200_000  # a Monday
HOUR = 3_600_000
#: An incident lasts for so many intervals; the next comes so many after it has begun.
LASTS, EVERY = (4, 9), 32

Row = event_type([*DIMENSIONS, *MEASURES])


@dataclass
class Incident:
    """Something that was planted."""

    first: int
    last: int
    place: Place
    cause: str
    #: What is left of it, or too much; of each leaf a little else.
    factor: float

    def holds(self, leaf: Place) -> bool:
        """Whether a leaf is in it."""
        return shares(self.place, leaf)


@dataclass
class Tally:
    """What came of incidents."""

    incidents: int = 0
    found: int = 0
    one_group: int = 0
    right_element: int = 0
    right_cause: int = 0
    wrong_direction: int = 0
    claimed: int = 0
    elsewhere: int = 0
    wrong: list[str] = field(default_factory=list)

    def shares(self) -> dict[str, float]:
        """Each as a share of the incidents that were found, of those planted, or a count."""
        found = max(1, self.found)
        return {
            "incidents": self.incidents,
            "found": round(self.found / max(1, self.incidents), 3),
            "one group": round(self.one_group / found, 3),
            "right element": round(self.right_element / found, 3),
            "right cause": round(self.right_cause / found, 3),
            "wrong direction": round(self.wrong_direction / found, 3),
            "direction claimed": round(self.claimed / found, 3),
            "groups without an incident, a week": round(
                self.elsewhere / ((DAYS - WARM_UP) / 7 * len(SEEDS)), 2
            ),
        }


def configuration(*, declared: bool) -> Config:
    """The shop, told what causes what or not."""
    measures = [Measure(name=name, aggregation="sum", field=name) for name in MEASURES]
    measures.append(Measure(name="conversion", ratio=("orders", "views")))
    funnel = list(FUNNEL) if declared else []
    shop = Detector(
        "shop", "shop", INTERVAL, measures, DIMENSIONS, timedelta(0), funnel=funnel, max_series=100_000
    )
    return Config({"shop": Source("shop", "json", clock="event")}, [shop], [AlertRule("page", "shop")])


class Shop:
    """What happens in the shop, hour after hour."""

    def __init__(self, seed: int, *, lag: int) -> None:
        self._chance = np.random.default_rng(seed)
        self._lag = lag
        self._size = 400 * self._chance.lognormal(0, 0.8, len(LEAVES))
        self._peak = self._chance.normal(14, 1.5, len(LEAVES))
        self.incidents = list(self._planted())

    def _planted(self) -> Iterator[Incident]:
        for n, first in enumerate(range(WARM_UP * 24 + 10, DAYS * 24 - 30, EVERY)):
            length = int(self._chance.integers(*LASTS))
            one = self._incident(first, length)
            yield one
            if n % 3 == 0:
                # At the same time, where the other is not.
                while True:
                    other = self._incident(first, length)
                    if not any(one.holds(leaf) and other.holds(leaf) for leaf in LEAVES):
                        yield other
                        break

    def _incident(self, first: int, length: int) -> Incident:
        leaf = LEAVES[int(self._chance.integers(len(LEAVES)))]
        kept = self._chance.permutation(3)[: int(self._chance.integers(1, 4))]
        place = tuple(value if i in kept else None for i, value in enumerate(leaf))
        cause = str(self._chance.choice(MEASURES))
        factor = float(self._chance.choice([0.0, 0.3, 0.5, 1.8, 2.5]))
        return Incident(first, first + length, place, cause, factor)

    def hours(self) -> Iterator[list[Event]]:
        """The events of each hour: one a leaf, with its measures."""
        later: dict[str, list[np.ndarray]] = {}
        uneven = self._chance.uniform(0.85, 1.15, len(LEAVES))
        for hour in range(DAYS * 24):
            wave = 1 + 0.5 * np.cos((hour % 24 - self._peak) / 24 * 2 * np.pi)
            shared = self._chance.normal(1, 0.02)
            level = self._size * wave * shared * self._chance.gamma(400, 1 / 400, len(LEAVES))
            rate = level * self._factor("views", hour, uneven)
            columns = {"views": self._chance.poisson(rate)}
            for before, measure, part in (("views", "carts", 0.4), ("carts", "orders", 0.5)):
                past = later.setdefault(before, [])
                past.append(columns[before])
                source = past[max(0, len(past) - 1 - self._lag)]
                columns[measure] = self._chance.poisson(source * part * self._factor(measure, hour, uneven))
            spent = self._chance.lognormal(3, 0.1, len(LEAVES))
            columns["revenue"] = np.round(
                columns["orders"] * spent * self._factor("revenue", hour, uneven), 2
            )
            at = START + hour * HOUR
            yield [
                Row(
                    at,
                    **dict(zip(DIMENSIONS, leaf, strict=True)),
                    **{m: float(columns[m][n]) for m in MEASURES},
                )
                for n, leaf in enumerate(LEAVES)
            ]

    def _factor(self, measure: str, hour: int, uneven: np.ndarray) -> np.ndarray:
        factor = np.ones(len(LEAVES))
        for incident in self.incidents:
            if incident.cause == measure and incident.first <= hour < incident.last:
                inside = np.array([incident.holds(leaf) for leaf in LEAVES])
                factor[inside] *= np.clip(incident.factor * uneven[inside], 0, None)
        return factor


def run(seed: int, *, lag: int, declared: bool) -> Tally:
    """The groups of a shop, held against what was planted."""
    shop, detection, offset = Shop(seed, lag=lag), Detection(configuration(declared=declared)), 0
    last: dict[str, AnomalyGroup] = {}
    for events in shop.hours():
        for outcome in detection.feed("shop", 0, range(offset, offset + len(events)), events):
            if isinstance(outcome, AnomalyGroup) and (outcome.status == "open" or outcome.merged_into):
                last[outcome.id] = outcome
        offset += len(events)
    tally, known = Tally(), set[str]()
    for incident in shop.incidents:
        mine = [group for group in last.values() if _is_of(group, incident, lag)]
        known |= {group.id for group in mine}
        mine = [group for group in mine if group.merged_into is None]
        _judge(tally, incident, mine)
    warm = utc(START + WARM_UP * 24 * HOUR)
    tally.elsewhere = sum(group.id not in known and group.start >= warm for group in last.values())
    return tally


def _is_of(group: AnomalyGroup, incident: Incident, lag: int) -> bool:
    first, last = utc(START + incident.first * HOUR), utc(START + (incident.last + 2 * lag) * HOUR)
    if group.end <= first or group.start >= last:
        return False
    told = group.elements or [group.primary.dimensions]
    places = [tuple(map(place.get, DIMENSIONS)) for place in told]
    return any(shares(incident.place, place) for place in places)


def _judge(tally: Tally, incident: Incident, groups: list[AnomalyGroup]) -> None:
    tally.incidents += 1
    if not groups:
        return
    tally.found += 1
    tally.one_group += len(groups) == 1
    group = max(groups, key=lambda group: group.severity)
    right = group.elements[:1] == [named(DIMENSIONS, incident.place)]
    tally.right_element += right
    cause = group.relations[0].measure if group.relations else group.primary.measure
    tally.right_cause += cause == incident.cause
    effects = [relation.measure for relation in group.relations if relation.role == "effect"]
    claims = bool(group.relations) and group.relations[0].role == "cause"
    wrong = (claims and cause != incident.cause) or not set(effects) <= AFTER[incident.cause]
    tally.claimed += claims
    tally.wrong_direction += wrong
    if len(groups) > 1 or not right or cause != incident.cause or wrong:
        told = [(g.elements, [(r.measure, r.role) for r in g.relations] or g.primary.measure) for g in groups]
        tally.wrong.append(f"{incident}: {told}")


def main() -> None:
    """Measure, and print a table or JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="results as JSON")
    parser.add_argument("--wrong", action="store_true", help="also print what went wrong")
    asked = parser.parse_args()
    told = {}
    for lag, declared in product((0, 1), (True, False)):
        whole = Tally()
        for seed in SEEDS:
            part = run(seed, lag=lag, declared=declared)
            for name, value in asdict(part).items():
                setattr(whole, name, getattr(whole, name) + value)
        told[f"lag {lag}, {'with' if declared else 'without'} a funnel"] = whole.shares()
        if asked.wrong:
            print("\n".join(whole.wrong))
    if asked.json:
        print(json.dumps(told))
        return
    for name, figures in told.items():
        print(name, *(f"{what} {figure:g}" for what, figure in figures.items()), sep="\n  ")


if __name__ == "__main__":
    main()
