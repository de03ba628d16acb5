"""A synthetic web shop: clickstream events of visits that never happened, as bytes, in time order.

In: a seed and the incidents to suffer; out: events of any stretch of time, the same ones whenever
that stretch is asked for again. Each visit is a view that may become a cart, a checkout and a
purchase. Apart from the demo because tests and benchmarks need the same traffic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from math import cos, tau
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

#: Platform → its share of the visits, and the local hour at which it is busiest.
PLATFORMS = {"pc_web": (0.90, 16.0), "mobile_web": (0.85, 18.0), "mobile_app": (1.25, 20.0)}
#: Marketplace → its share of the visits, and the time zone in which its customers live.
MARKETPLACES = {
    "US": (2.60, "America/New_York"),
    "UK": (0.95, "Europe/London"),
    "DE": (0.80, "Europe/Berlin"),
    "JP": (0.75, "Asia/Tokyo"),
    "FR": (0.65, "Europe/Paris"),
    "IN": (0.625, "Asia/Kolkata"),
    "BR": (0.625, "America/Sao_Paulo"),
}
LEAVES = [(platform, marketplace) for platform in PLATFORMS for marketplace in MARKETPLACES]
STAGES = ("view", "cart", "checkout", "purchase")
#: How many of the visits at a stage reach the next. A real shop loses far more: this one is small
#: enough for a laptop, and a steeper funnel would leave its quiet places without any orders.
REACHES = (0.56, 0.76, 0.80)
#: Visits a minute, all places together, averaged over a week.
VISITS = 145.0

#: Randomness is drawn a minute at a time, each minute from a seed of its own, so that what a
#: minute holds does not depend on where reading began.
STEP = 60_000


@dataclass(frozen=True)
class Incident:
    """Checkouts of one platform in one marketplace fail, and with them its purchases."""

    name: str
    #: Milliseconds since the epoch, half-open.
    start: int
    end: int
    platform: str
    marketplace: str
    #: The share of checkouts that still succeeds.
    survives: float = 0.01

    def __post_init__(self) -> None:
        if (self.platform, self.marketplace) not in LEAVES:
            message = f"incident {self.name!r}: the shop has no {self.platform!r} in {self.marketplace!r}"
            raise ValueError(message)


class Shop:
    """The synthetic shop; `volume` 2 doubles its visits.

    >>> when, event = next(Shop(seed=1).events(0, 60_000))
    >>> event.startswith(b'{"ts":%d,"event":"view","platform":' % when)
    True
    """

    def __init__(self, seed: int, incidents: Sequence[Incident] = (), volume: float = 1.0) -> None:
        self.seed = seed
        self.incidents = incidents
        self.volume = volume

    def events(self, start_ms: int, end_ms: int) -> Iterator[tuple[int, bytes]]:
        """Event time in milliseconds and native clickstream JSON, from start up to before end."""
        for step in range(start_ms // STEP, -(-end_ms // STEP)):
            for event in self._minute(step):
                if start_ms <= event[0] < end_ms:
                    yield event

    def _minute(self, step: int) -> Iterator[tuple[int, bytes]]:
        random = np.random.default_rng([self.seed, step])
        visits = random.poisson(expected_visits(step * STEP) * self.volume)
        leaf = np.repeat(np.arange(len(LEAVES)), visits)
        # A visit begins and ends within its minute: then an interval of whole minutes has whole visits.
        times = step * STEP + np.sort(random.integers(0, STEP, (len(leaf), len(STAGES))), axis=1)
        chance = np.repeat(np.array([REACHES]), len(leaf), axis=0)
        for incident in self.incidents:
            at = times[:, STAGES.index("checkout")]
            hit = (leaf == LEAVES.index((incident.platform, incident.marketplace))) & (at >= incident.start)
            chance[hit & (at < incident.end), 1] *= incident.survives
        reached = np.ones(times.shape, dtype=bool)
        reached[:, 1:] = np.logical_and.accumulate(random.random(chance.shape) < chance, axis=1)

        stage, visit = np.nonzero(reached.T)
        order = np.argsort(times[visit, stage], kind="stable")
        stage, visit = stage[order], visit[order]
        user = random.integers(1, 200_000, len(leaf))
        # Few products sell a lot and many a little.
        product = (1 + 1_000 * random.random(len(leaf)) ** 3).astype(np.int64)
        amount = np.exp(random.normal(3.6, 0.5, len(leaf)))
        columns = zip(
            (leaf[visit] * len(STAGES) + stage).tolist(), times[visit, stage].tolist(), visit.tolist(),
            user[visit].tolist(), product[visit].tolist(), amount[visit].tolist(), strict=True,
        )  # fmt: skip
        templates = self._templates
        purchase = len(STAGES) - 1
        for kind, time, number, who, what, paid in columns:
            if kind % len(STAGES) == purchase:
                yield time, templates[kind] % (time, step, number, who, what, step, number, paid)
            else:
                yield time, templates[kind] % (time, step, number, who, what)

    @cached_property
    def _templates(self) -> list[bytes]:
        """One a leaf and stage: filling in a template is several times faster than an encoder."""
        templates = []
        for platform, marketplace in LEAVES:
            for stage in STAGES:
                fixed = f'"event":"{stage}","platform":"{platform}","marketplace":"{marketplace}"'
                text = '{"ts":%d,' + fixed + ',"session":"s%x-%x","user":"u%d","product":"p%d"'
                if stage == "purchase":
                    # In the shop's own currency everywhere: revenue can be added up over marketplaces.
                    text += ',"order":"o%x-%x","amount":%.2f,"currency":"USD"'
                templates.append((text + "}").encode())
        return templates


def expected_visits(time: int) -> NDArray[np.float64]:
    """Expected visits of each leaf in the minute that begins at a time in milliseconds."""
    weights = []
    local = [datetime.fromtimestamp(time / 1000, tz=ZoneInfo(zone)) for _, zone in MARKETPLACES.values()]
    for share, busiest in PLATFORMS.values():
        for (weight, _), now in zip(MARKETPLACES.values(), local, strict=True):
            day = (now.hour + now.minute / 60) / 24
            week = (now.weekday() + day) / 7
            # Half of the peak at night, lunch and evening humps, and somewhat busier towards the weekend.
            rhythm = 1 + 0.30 * cos(tau * (day - busiest / 24)) + 0.06 * cos(2 * tau * (day - busiest / 24))
            weights.append(share * weight * rhythm * (1 + 0.05 * cos(tau * (week - 6 / 7))))
    return np.array(weights) * VISITS / len(LEAVES)
