"""Notices: an alert → what a receiver reads, one form a file. Nothing here sends, waits or reads a clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from detectors.sinks import Form
from streams.notices import asff, lookout, ocsf, texts
from streams.notices.notice import Notice, Site, measures

__all__ = ["FORMS", "Notice", "Site", "encode", "measures"]

#: Name of a form → the messages of a notice in it: objects for JSON, or texts.
FORMS: Mapping[Form, Callable[[Notice], list[Any]]] = {
    "json": lambda notice: [notice.alert],
    "lookout": lookout.messages,
    "long": lambda notice: [texts.long(notice)],
    "short": lambda notice: [texts.short(notice)],
    "markdown": lambda notice: [texts.markdown(notice)],
    "ocsf": ocsf.messages,
    "asff": asff.messages,
}


def encode(message: Any) -> bytes:
    """A message as it is sent."""
    return message.encode() if isinstance(message, str) else msgspec.json.encode(message)
