"""An alert of which there is too much to say is told all the same."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest

from detectors.records import Contribution, Part
from detectors.sinks import Form
from streams.notices import FORMS, encode
from streams.notices.fitting import fitting
from tests.streams.incidents import alert, anomaly, notice

#: As long as a dimension value may be, of characters of four bytes each.
LONG = "\N{PILE OF POO}" * 190
LIMIT = 256 * 1024
DIMENSIONS = [f"dimension_{number}" for number in range(10)]


def vast() -> list[Contribution]:
    values = {f"{LONG}{number}": 1 for number in range(100)}
    return [Contribution(measure, 900, dict.fromkeys(DIMENSIONS, values)) for measure in ("orders", "views")]


@pytest.mark.parametrize("form", get_args(Form))
def test_whatever_strangers_send_a_message_fits(form: Form) -> None:
    members = [
        anomaly(("orders", "views")[number % 2], 12.0, **dict.fromkeys(DIMENSIONS, f"{LONG}{number}"))
        for number in range(40)
    ]
    parts = [Part(member.dimensions, "orders", 12.0, 240.0, 0.9, 0.9) for member in members]
    hostile = notice(alert(members=members[:20], leaves=members[20:], contributions=vast(), parts=parts))
    messages = fitting(form, hostile, LIMIT)
    assert len(messages) == len(FORMS[form](hostile))
    assert max(map(len, messages)) <= LIMIT


def test_the_largest_shares_and_the_first_series_stay() -> None:
    shares = {"DE": 73, **{f"{LONG}{number}": 1 for number in range(27)}}
    wide = alert(contributions=[Contribution("orders", 2, {"marketplace": shares})])
    (message, _) = map(msgspec.json.decode, fitting("lookout", notice(wide), 15_000))
    (dimension,) = message["impactedMetric"]["dimensionContribution"]
    assert dimension["dimensionValueContributions"][0] == {"dimensionValue": "DE", "valueContribution": 73}
    assert len(dimension["dimensionValueContributions"]) == 10
    assert len(message["impactedMetric"]["relevantTimeSeries"]) == 1


def test_what_fits_is_sent_whole() -> None:
    assert fitting("json", notice(), LIMIT) == [encode(alert())]
