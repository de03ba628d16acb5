"""The field that says what happened, if one has few values: the events of each are counted by themselves."""

from __future__ import annotations

from collections.abc import Mapping

from detectors.words import many, plain
from streams.inferring.chosen import Chosen, Sure, at_most, words
from streams.inferring.fields import Column, Fields

#: Last words of such fields, those first that say it best.
EVENT_WORDS = (
    "event",
    "action",
    "status",
    "outcome",
    "result",
    "state",
    "type",
    "kind",
    "verdict",
    "decision",
)
#: A field that has more values is rather a dimension, and so many of them are counted.
MOST_VALUES, MOST_COUNTED = 8, 6
#: Longer values are no names of events.
LONGEST = 40
#: In so many records it must be.
PRESENT = 0.9
#: In the order in which one leads to the next, in shops and elsewhere.
STAGES = (
    ("impression",), ("view", "visit", "search"), ("click",), ("cart", "basket"), ("checkout",),
    ("purchase", "order", "payment", "conversion"),
)  # fmt: skip


def find_events(fields: Fields) -> Chosen[Column] | None:
    """The field whose values are counted one by one."""
    ranked = []
    for position, column in enumerate(fields.columns.values()):
        said = words(column.path.rpartition(".")[2])
        # "event_type" and "status_code" say what happened, "device_type" what the device is.
        if not said or said[0] not in EVENT_WORDS or not {*said[1:]} <= {*EVENT_WORDS, "code", "name"}:
            continue
        if _is_such(column, fields.count):
            ranked.append(
                (min(EVENT_WORDS.index(word) for word in said if word in EVENT_WORDS), position, column)
            )
    if not ranked:
        return None
    _, _, column = min(ranked)
    sure: Sure = "high" if len(column.values) == fields.count else "medium"
    how_many = many(len(column.known), "value")
    why = f"{plain(column.path, 40)} says what happened, by its name, and has {how_many}"
    return Chosen(column, at_most(sure, fields.count), why)


def _is_such(column: Column, rows: int) -> bool:
    known = column.known
    return (
        not column.nested
        and 2 <= len(known) <= MOST_VALUES
        and len(column.values) >= PRESENT * rows
        and all(value and len(value) <= LONGEST and value.isprintable() for value in known)
        and all(isinstance(value, str | bool) or column.is_whole for value in column.values)
        and column.known.total() >= 2 * len(known)
    )


def counted(column: Column) -> list[tuple[str, float]]:
    """The values that are counted, most frequent first, each with its share."""
    total = column.known.total()
    return [(value, count / total) for value, count in column.known.most_common(MOST_COUNTED)]


def funnel_of(names: Mapping[str, str]) -> list[str]:
    """Of value → measure, the measures that are stages, each of which leads to the next.

    >>> funnel_of({"purchase": "purchase", "view": "view", "add_to_cart": "add_to_cart", "error": "error"})
    ['view', 'add_to_cart', 'purchase']
    """
    stages = []
    for stage in STAGES:
        stages += [measure for value, measure in names.items() if set(stage) & set(words(value))][:1]
    return stages


def said_of(value: str, share: float) -> str:
    """Why a value is counted."""
    return f"{100 * share:.3g} % of the events are {plain(value)}"
