"""A false alarm that comes again each day: is the third told of after two verdicts, and a fault elsewhere?

    python -m benchmarks.feedback [--seeds 8]

A shop of six leaves counts views and orders by the hour, and has their conversion. From the sixteenth day on
something happens to one leaf at one hour of three days, to views, orders or both, now stronger and now
weaker. Each group of the first two is said to be expected. Once with a fault of another leaf at the third.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from detectors.alerting import Alerter
from detectors.config import AlertRule, Detector, Measure
from detectors.feedback import Verdict
from detectors.grouping import Grouper
from detectors.records import Alert, AnomalyGroup, Interval, Place, utc
from detectors.scorer import Scorer

#: Not those by which it was chosen what is like what.
FIRST_SEED = 300
HOUR = timedelta(hours=1)
LEAVES = [(platform, market) for platform in ("web", "app") for market in ("DE", "FR", "US")]
DAYS = (15, 16, 17)
SHOP = Detector(
    "shop", "shop", HOUR,
    [Measure("views", "count"), Measure("orders", "count"), Measure("conversion", ratio=("orders", "views"))],
    ("platform", "market"),
)  # fmt: skip
RULES = [AlertRule("page", "shop", 70.0)]


@dataclass
class Told:
    """How many of the false alarms were told of by day, and whether the fault was."""

    alarms: list[int]
    fault: bool


def run(seed: int, *, says: bool, fault: bool) -> Told:
    """Eighteen days of a shop."""
    noise = np.random.default_rng(seed)
    scorer, grouper, alerter = Scorer(SHOP), Grouper(SHOP, RULES), Alerter(SHOP, RULES)
    sizes = {leaf: noise.uniform(150, 900) for leaf in LEAVES}
    where, hour, length = LEAVES[noise.integers(6)], int(noise.integers(20)), int(noise.integers(1, 4))
    elsewhere = next(leaf for leaf in LEAVES if leaf[0] != where[0] and leaf[1] != where[1])
    factor = noise.choice([0.35, 2.2, 3.0])
    strength = [1 + (factor - 1) * noise.uniform(0.75, 1.25) for _ in DAYS]
    hit = [("views",), ("orders",), ("views", "orders")][noise.integers(3)]
    told: list[list[Alert]] = [[] for _ in DAYS]
    for n in range(24 * (DAYS[-1] + 1)):
        day, at = n // 24, n % 24
        is_time = day in DAYS and hour <= at < hour + length
        rows: dict[Place, list[int]] = {}
        for leaf in LEAVES:
            mean = sizes[leaf] * (1 + 0.4 * np.sin(at / 24 * 2 * np.pi))
            means = {"views": mean, "orders": 0.1 * mean}
            for measure in means:
                if is_time and leaf == where and measure in hit:
                    means[measure] *= strength[DAYS.index(day)]
                if is_time and fault and day == DAYS[-1] and leaf == elsewhere:
                    means[measure] *= 0.3
            came = [max(0, round(noise.normal(m, np.sqrt(m)))) for m in means.values()]
            for place in ((None, None), (leaf[0], None), (None, leaf[1]), leaf):
                row = rows.setdefault(place, [0, 0])
                row[0], row[1] = row[0] + came[0], row[1] + came[1]
        for group in grouper.group(scorer.score(_interval(n, rows))):
            for alert in alerter.alert(group):
                passed = (alert.start - utc(0)) // HOUR
                if (
                    alert.kind == "OPENED"
                    and passed // 24 in DAYS
                    and hour - 1 <= passed % 24 <= hour + length
                ):
                    told[DAYS.index(passed // 24)].append(alert)
            is_false = any(alert.group == group.id for day in told[:2] for alert in day)
            if says and is_false and group.status == "closed":
                for verdict in _expected(group):
                    scorer.take(verdict)
    named = {tuple(member.dimensions.values()) for alert in told[-1] for member in alert.members}
    return Told([len(day) for day in told], elsewhere in named)


def _interval(n: int, rows: dict[Place, list[int]]) -> Interval:
    start = n * (HOUR // timedelta(milliseconds=1))
    views, orders = ([float(row[m]) for row in rows.values()] for m in (0, 1))
    conversion = [o / v if v else float("nan") for v, o in zip(views, orders, strict=True)]
    values = {"views": views, "orders": orders, "conversion": conversion}
    end = start + HOUR // timedelta(milliseconds=1)
    return Interval("shop", start, end, 1, list(rows), [max(1, round(v)) for v in views], values)


def _expected(group: AnomalyGroup) -> list[Verdict]:
    """As `lookalive feedback GROUP --verdict expected` says it."""
    return [
        Verdict(
            group.detector, group.id, member.measure, member.dimensions, "expected", group.start, group.end,
            member.direction,
            None if member.value is None or member.expected is None else member.value - member.expected,
        )
        for member in group.members
    ]  # fmt: skip


def main() -> None:
    """Print how many there were of each, as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=8, help="how many shops")
    seeds = range(FIRST_SEED, FIRST_SEED + parser.parse_args().seeds)
    # Shops in which both of the first are told of: else there are no two verdicts.
    unsaid = {seed: run(seed, says=False, fault=False) for seed in seeds}
    shops = [seed for seed, told in unsaid.items() if all(told.alarms[:2])]
    said = [run(seed, says=True, fault=False) for seed in shops]
    # What comes the second time may be held back by the first verdict already.
    result = {
        "shops": len(shops),
        "third told of without verdicts": sum(bool(unsaid[seed].alarms[2]) for seed in shops),
        "second told of after one verdict": sum(bool(told.alarms[1]) for told in said),
        "third told of after verdicts": sum(bool(told.alarms[2]) for told in said),
        "fault elsewhere told of": sum(run(seed, says=True, fault=True).fault for seed in shops),
    }
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
