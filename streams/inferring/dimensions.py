"""By which fields measures are split: texts of few values that come again and again.

Ids, addresses and free text have no end, and every value would be a series of its own. How many leaves there
are together is bounded; fields that say nothing beside another are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from detectors.filters import address
from detectors.words import many, plain
from streams.csv_files.times import looks_like_time, read_times
from streams.inferring.chosen import FEW, Chosen, LeftOut, Sure, at_most, words
from streams.inferring.fields import Column, Fields

#: Values of a dimension; dimensions.
MOST_VALUES, MOST = 200, 4
#: From so many values on it counts whether new ones keep coming.
SOME = 20
#: A value must come so often in the mean.
REPEATED = 5
#: Longer texts, or of more words, are no names of anything.
LONGEST, MOST_WORDS = 50, 6
#: Records that are looked at to see what texts are.
LOOKED_AT = 500

#: Last words of names of which there is no end, however few a sample shows.
ENDLESS = frozenset({
    "ip", "uri", "url", "path", "args", "query", "agent", "session", "user", "email", "mail", "token",
    "uuid", "guid", "message", "msg", "cookie", "phone", "address", "hash", "fingerprint", "password",
    "secret", "key", "comment", "description", "body", "text", "customer", "visitor", "referer", "referrer",
    "ja3", "trace", "span", "order", "invoice", "transaction", "request",
})  # fmt: skip
IDS = frozenset({"id", "ids", "no", "number", "code", "index"})
#: Last words of names that people split by.
USUAL = frozenset({
    "platform", "country", "region", "channel", "device", "marketplace", "market", "store", "category",
    "brand", "segment", "os", "browser", "method", "service", "host", "status", "env", "environment",
    "zone", "tier", "plan", "rule", "action", "source", "type", "version", "currency", "language", "city",
    "site", "app", "cluster", "queue", "server", "sensor", "machine", "line", "product", "name", "instance",
    "datacenter", "endpoint", "medium", "gender",
})  # fmt: skip
#: Whole numbers that are names.
CODES = frozenset({
    "code", "status", "type", "class", "version", "zone", "region", "store", "shard", "level", "tier", "id",
    "category", "group", "cluster", "site", "line", "floor", "host", "node", "sensor", "machine", "plan",
})  # fmt: skip


def find_dimensions(
    fields: Fields, besides: Collection[str], most_leaves: int
) -> tuple[list[Chosen[Column]], list[LeftOut], int]:
    """The fields to split by, but for some that are used already; those that are not; and how many leaves."""
    candidates, left_out = [], []
    for column in fields.columns.values():
        if column.path in besides:
            continue
        judged = _judged(column, fields.count)
        if isinstance(judged, str):
            left_out.append(LeftOut(column.path, judged))
        elif judged is not None:
            candidates.append(judged)
    candidates.sort(key=lambda one: (not _is_usual(one.value), one.sure != "high", len(one.value.known)))
    return _fitting(candidates, left_out, fields.count, most_leaves)


def _fitting(
    candidates: Sequence[Chosen[Column]], left_out: list[LeftOut], rows: int, most_leaves: int
) -> tuple[list[Chosen[Column]], list[LeftOut], int]:
    """The first of them that together have few enough leaves."""
    kept: list[tuple[Chosen[Column], NDArray[np.intp]]] = []
    leaf, leaves = np.zeros(rows, np.intp), 1
    for chosen in candidates:
        path = chosen.value.path
        codes = np.unique(np.array(chosen.value.texts(rows), object), return_inverse=True)[1]
        twin = next((other.value.path for other, theirs in kept if _says_nothing(codes, theirs)), None)
        together = np.unique(leaf * (codes.max() + 1) + codes, return_inverse=True)[1]
        count = int(together.max()) + 1
        if twin is not None:
            left_out.append(
                LeftOut(path, f"each value of {plain(twin, 40)} has one of it, so it adds nothing")
            )
        elif len(kept) >= MOST:
            left_out.append(LeftOut(path, f"{MOST} others are dimensions already; {_examples(chosen.value)}"))
        elif count > most_leaves or 2 * count > max(rows, FEW):
            left_out.append(
                LeftOut(path, f"with it there would be {count:,} leaves; {_examples(chosen.value)}")
            )
        else:
            kept.append((chosen, codes))
            leaf, leaves = together, count
    order = {id(chosen): n for n, chosen in enumerate(candidates)}
    return sorted((chosen for chosen, _ in kept), key=lambda one: order[id(one)]), left_out, leaves


def _says_nothing(codes: NDArray[np.intp], theirs: NDArray[np.intp]) -> bool:
    """Whether the other's value says already what this one's is."""
    pairs = np.unique(theirs * (codes.max() + 1) + codes)
    return len(pairs) == int(theirs.max()) + 1


def _judged(column: Column, rows: int) -> Chosen[Column] | str | None:
    """How good a dimension a field is, or why it is none; None for numbers, of which nobody expects it."""
    values = column.values
    last = _last_word(column)
    numeric = sum(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    if not values or (numeric and not (column.is_whole and last in CODES)):
        return None
    if why := _why_not(column, last):
        return why
    known, count = column.known, len(values)
    sure: Sure = "high"
    if last in IDS or count < 0.99 * rows or numeric or 20 * len(known) > count or len(known) > 50:
        sure = "medium"
    absent = "" if count == rows else f"; not in {100 * (1 - count / rows):.3g} % of the records"
    return Chosen(column, at_most(sure, rows), f"{many(len(known), 'value')}, {_examples(column)}{absent}")


def _why_not(column: Column, last: str) -> str | None:
    """Why a field is nothing to split by, if it is not."""
    known, count = column.known, len(column.values)
    once = sum(times == 1 for times in known.values())
    if column.nested:
        why = "it is an object or a list in some records"
    elif len(known) == 1:
        why = f"it is always {plain(next(iter(known)))}" if count >= FEW else "one value says nothing yet"
    elif last in ENDLESS:
        why = f"by its name, {last!r}, it has no end of values"
    elif kind := _kind(column):
        why = f"its values are {kind}"
    elif len(known) > MOST_VALUES or REPEATED * len(known) > count:
        why = f"{many(len(known), 'value')} in {many(count, 'record')} are too many; {_examples(column)}"
    elif len(known) > SOME and (once > 0.3 * len(known) or last in IDS):
        why = f"new values keep coming: {once:,} of {len(known):,} came once; {_examples(column)}"
    else:
        return None
    return why


def _kind(column: Column) -> str | None:
    """What its texts are, if that is nothing to split by."""
    texts = [value for value in islice(column.values, LOOKED_AT) if isinstance(value, str)]
    tests: dict[str, Callable[[str], bool]] = {
        "addresses": lambda text: address(text) is not None,
        "addresses of mail": lambda text: "@" in text and "." in text,
        "addresses of pages": lambda text: "://" in text,
        "times": lambda text: looks_like_time(text) and read_times([text], None) is not None,
        "long texts": lambda text: len(text) > LONGEST or len(text.split()) > MOST_WORDS,
    }
    return next((kind for kind, is_such in tests.items() if 2 * sum(map(is_such, texts)) > len(texts)), None)


def _last_word(column: Column) -> str:
    return next(reversed(words(column.path.rpartition(".")[2])), "")


def _is_usual(column: Column) -> bool:
    return _last_word(column) in USUAL


def _examples(column: Column) -> str:
    """Its most frequent values."""
    shown = [plain(value, 40) or "an empty text" for value, _ in column.known.most_common(3)]
    return f"such as {', '.join(shown)}"
