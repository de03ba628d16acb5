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


def _tails_are_of_events(block: Record) -> Record:
    """Tails count events and no more every exceedance; the mean of hours is looked at no more."""
    models = {}
    for name, model in block["models"].items():
        arrays = dict(model["arrays"])
        if "tails.exceeded" in arrays:
            arrays["tails.events"] = arrays.pop("tails.exceeded")
        if name == "seasonal":
            kept = {"series.mean": [0]} | {f"tails.{column}": [0, 1, 2, 3, 6, 7, 8] for column in _OF_TAILS}
            arrays |= {column: _lines(arrays[column], kept[column]) for column in kept.keys() & arrays.keys()}
        models[name] = {**model, "arrays": arrays}
    return {**block, "models": models}


_OF_TAILS = ("typical", "threshold", "excess", "events")


def _lines(array: Record, lines: list[int]) -> Record:
    """Some lines of an array; of one alone, a plain column."""
    count, series = array["shape"]
    size = len(array["data"]) // count
    data = b"".join(array["data"][line * size : (line + 1) * size] for line in lines)
    return {**array, "shape": [len(lines), series] if len(lines) > 1 else [series], "data": data}


#: The oldest version that can be read.
OLDEST = 2
#: What leads from each version to the next: kind of record → what becomes of one.
STEPS: list[Mapping[str, Callable[[Record], Record]]] = [
    {"BlockState": _special_days_begin_anew},
    {"BlockState": _tails_are_of_events},
]
#: The version that is written.
VERSION = OLDEST + len(STEPS)


def migrated(kind: str, record: Record, version: int) -> Record:
    """A record of an earlier version as one of this version."""
    for step in STEPS[version - OLDEST :]:
        if kind in step:
            record = step[kind](record)
    return record
