"""State of earlier versions → state of this one, step by step.

The version is counted by the steps, so that none is raised without one. No step is needed where a field with
a default or a column is added: the one is what it is by default, the other as series begin. What is renamed
needs one that moves it. Where a column comes to mean something else, or has other lines, a step translates it
or drops the model, whose series then begin anew and are counted.

Steps take records as they are decoded without types: fields by name, arrays as `state.Array` has them. Each
has a real stored state of its version in `tests/states`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

#: A record without types.
Record = dict[str, Any]


def _special_days_begin_anew(block: Record) -> Record:
    """The values of a special day are counted, where was only known that it is one: as if none had come."""
    models = dict(block["models"])
    if seasonal := models.get("seasonal"):
        special = seasonal["arrays"]["series.special"]
        unseen = {**special, "data": bytes(len(special["data"]))}
        models["seasonal"] = {**seasonal, "arrays": {**seasonal["arrays"], "series.special": unseen}}
    return {**block, "models": models}


#: The oldest version that can be read.
OLDEST = 2
#: What leads from each version to the next: kind of record → what becomes of one.
STEPS: list[Mapping[str, Callable[[Record], Record]]] = [
    {"BlockState": _special_days_begin_anew},
]
#: The version that is written.
VERSION = OLDEST + len(STEPS)


def migrated(kind: str, record: Record, version: int) -> Record:
    """A record of an earlier version as one of this version."""
    for step in STEPS[version - OLDEST :]:
        if kind in step:
            record = step[kind](record)
    return record
