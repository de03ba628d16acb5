"""Messages that fit: where a receiver takes no more, only the most is named of what there is much of.

Dimension values come from strangers: with long ones they could else have an alert about them refused.
"""

from __future__ import annotations

import msgspec

from detectors.members import first_of_each
from detectors.records import Contribution
from detectors.sinks import Form
from streams.notices import FORMS, encode
from streams.notices.notice import Notice

#: How many series of a measure, and values of a dimension, are tried one after another.
_MOST = (30, 10, 3, 1)


def fitting(form: Form, notice: Notice, longest_bytes: int) -> list[bytes]:
    """The messages of a notice in a form, as they are sent."""
    messages = [encode(message) for message in FORMS[form](notice)]
    for most in _MOST:
        if all(len(message) <= longest_bytes for message in messages):
            break
        messages = [encode(message) for message in FORMS[form](_brief(notice, most))]
    return messages


def _brief(notice: Notice, most: int) -> Notice:
    alert = msgspec.structs.replace(
        notice.alert,
        members=first_of_each(notice.alert.members, most),
        leaves=first_of_each(notice.alert.leaves, most),
        elements=notice.alert.elements[:most],
        parts=notice.alert.parts[:most],
        contributions=[_largest(contribution, most) for contribution in notice.alert.contributions],
    )
    return notice._replace(alert=alert)


def _largest(contribution: Contribution, most: int) -> Contribution:
    shares = {dimension: dict(list(of.items())[:most]) for dimension, of in contribution.shares.items()}
    return msgspec.structs.replace(contribution, shares=shares)
