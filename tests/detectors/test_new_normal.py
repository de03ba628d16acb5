"""A level that stays is adopted after a bounded number of intervals, and said to be the new normal."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from datetime import timedelta

import pytest

from detectors.alerting import Alerter
from detectors.config import AlertRule
from detectors.grouping import CLOSE_AFTER, Grouper
from detectors.records import Alert, Interval
from detectors.scorer import Scorer
from tests.detectors.builders import MINUTE, detector, ms

RULES = [AlertRule("page", "shop", 70.0)]
#: However long the model needs to get used to it, and the time that a group is held then.
MOST_INTERVALS = 144


def alerts(
    minutes: int, hours: tuple[int, int, int], factor: float, wave: float = 0.15
) -> Iterator[tuple[int, Alert]]:
    """Alerts of hours as usual, at another level and as usual again, by intervals since the shift."""
    shop = detector(interval=timedelta(minutes=minutes))
    scorer, grouper, alerter = Scorer(shop), Grouper(shop, RULES), Alerter(shop, RULES)
    noise = random.Random(5)
    before, shifted, after = (n * 60 // minutes for n in hours)
    for n in range(before + shifted + after):
        mean = 400 * (1 + wave * math.sin(n * minutes / 1440 * 2 * math.pi))
        mean *= factor if before <= n < before + shifted else 1
        value = max(0, round(noise.gauss(mean, math.sqrt(mean))))
        start = ms("00:00") + n * minutes * MINUTE
        closed = Interval("shop", start, start + minutes * MINUTE, 1, [()], [value], {"orders": [value]})
        for group in grouper.group(scorer.score(closed)):
            yield from ((n - before, alert) for alert in alerter.alert(group) if n >= before)


@pytest.mark.parametrize("factor", [0.5, 4.0])
@pytest.mark.parametrize(("minutes", "hours"), [(60, (14 * 24, 4 * 24, 0)), (5, (2 * 24, 12, 0))])
def test_a_level_that_stays_becomes_the_new_normal(
    minutes: int, hours: tuple[int, int, int], factor: float
) -> None:
    (opened, first), *_, (closed, last) = alerts(minutes, hours, factor)

    assert (first.kind, last.kind, last.reason) == ("OPENED", "CLOSED", "new_normal")
    assert first.group == last.group
    assert opened <= 1
    assert closed <= MOST_INTERVALS
    assert last.summary.startswith("the new normal after ")


@pytest.mark.parametrize(("shifted", "after", "reason"), [(48, 0, "new_normal"), (12, 12, "over")])
def test_a_day_that_moves_more_than_the_level_does_not_hide_it(shifted: int, after: int, reason: str) -> None:
    told = [alert for _, alert in alerts(60, (14 * 24, shifted, after), 3.0, wave=0.8)]

    assert (told[-1].kind, told[-1].reason) == ("CLOSED", reason)


def test_a_level_that_goes_back_is_over() -> None:
    *_, (closed, last) = alerts(5, (2 * 24, 1, 2), 0.5)

    # The step back is the last that is unusual.
    assert (closed, last.kind, last.reason) == (12 + CLOSE_AFTER, "CLOSED", "over")
    assert last.summary.startswith("over after 1 h")
