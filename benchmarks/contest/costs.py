"""What an event costs, by what is measured of it: from the bytes that a broker sends to our sums.

All in this process. Every case reads the same records, with a plain count before and after it; the
growth is that over the count. What each case comes to is compared with what a few lines of plain Python
make of the records.
"""

from __future__ import annotations

import gc
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from statistics import fmean, median
from typing import Any

import msgspec
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from faust.types import TP
from rich.table import Table

from detectors.aggregation import aggregator
from detectors.clock import NO_TIMESTAMP
from detectors.config import Detector
from detectors.folding import Fold
from detectors.loading import parse
from detectors.records import Partial
from streams.formats import make_format, parse_all
from streams.transport import decoded

EVENTS = 60_000
#: As many as the worker hands on at once.
STRIDE = 5_000
#: Records of a batch of the log.
BATCH = 250
REPEATS = 9
START = 1_767_614_400_000
MINUTE = 60_000
#: Cost per event may grow by so much with each measure that is added.
PLAIN, SKETCH = 0.15, 0.40
#: How exact distinct counts and quantiles are.
ABOUT = 0.03
PLACES = [(f"platform-{p}", f"market-{m}") for p in range(3) for m in range(7)]

CONFIGURATION = """
[sources.feed]
topic = "feed"
format = "json"
time = "at"
time_unit = "ms"
clock = "event"

[[detectors]]
name = "feed"
source = "feed"
interval = "PT1M"
dimensions = {dimensions}
measures = [{measures}]
"""

Values = Sequence[Any]
#: Aggregation → the same in plain Python.
PLAINLY: dict[str, Callable[[Values], float]] = {
    "count": len,
    "sum": math.fsum,
    "mean": fmean,
    "min": min,
    "max": max,
    "distinct": lambda values: len(set(values)),
    "p95": lambda values: sorted(values)[math.ceil(0.95 * len(values)) - 1],
}


class Case(msgspec.Struct, frozen=True):
    """What is measured: aggregation, field, and of which kind of event, None for all."""

    name: str
    measures: list[tuple[str, str | None, str | None]]
    dimensions: int = 2
    #: By how much each measure beyond the count may add to the cost; None: nothing is asked.
    limit: float | None = PLAIN

    @property
    def configuration(self) -> str:
        """The TOML that measures it."""
        texts = []
        for i, (aggregation, field, kind) in enumerate(self.measures):
            of = f', field = "{field}"' if field else ""
            where = f', where = {{ kind = "{kind}" }}' if kind else ""
            texts.append(f'{{ name = "m{i}", aggregation = "{aggregation}"{of}{where} }}')
        dimensions = [f"d{i}" for i in range(self.dimensions)]
        return CONFIGURATION.format(dimensions=dimensions, measures=", ".join(texts))


COUNT = ("count", None, None)
AMOUNTS = [(name, "amount", None) for name in ("sum", "mean", "min", "max")]
SECOND = ("count", None, "b")
CASES = [
    *(Case(f"and a {measure[0]}", [COUNT, measure]) for measure in (SECOND, *AMOUNTS)),
    Case("4 measures", [COUNT, *AMOUNTS[:3]]),
    Case("10 measures", [COUNT, SECOND, *AMOUNTS, *((name, field, "b") for name, field, _ in AMOUNTS)]),
    Case("and a distinct", [COUNT, ("distinct", "user", None)], limit=SKETCH),
    Case("and a p95", [COUNT, ("p95", "amount", None)], limit=SKETCH),
    Case("10 dimensions", [COUNT], dimensions=10, limit=None),
]
BASE = Case("a count, 2 dimensions", [COUNT], limit=None)


class Cost(msgspec.Struct):
    """What a case costs."""

    name: str
    microseconds: float
    #: Over the count alone, as a share of it; and by each measure beyond it.
    growth: float
    growth_each: float | None
    limit: float | None
    problems: list[str]

    @property
    def reached(self) -> bool:
        """Whether it costs no more than it may."""
        return self.limit is None or (self.growth_each or 0.0) <= self.limit


def costs(advance: Callable[[], None], events: int = EVENTS, repeats: int = REPEATS) -> list[Cost]:
    """Measure all cases; `advance` is called after each."""
    records = list(_records(events))
    sent = _sent(records)
    gc.collect()
    gc.freeze()
    found = []
    for case in CASES:
        problems = _problems(case, records, _run(case, sent)[1])
        pairs = [(_run(BASE, sent)[0], _run(case, sent)[0]) for _ in range(repeats)]
        base = min(alone for alone, _ in pairs)
        # Of each pair for itself, as a machine is not always equally busy.
        growth = median(seconds / alone for alone, seconds in pairs) - 1
        added = len(case.measures) - 1
        each = growth / added if added else None
        found.append(Cost(case.name, base * (1 + growth) / events * 1e6, growth, each, case.limit, problems))
        advance()
    return found


def _records(events: int) -> Iterator[dict[str, Any]]:
    """Events of two minutes at 21 places, which further dimensions do not divide."""
    chance = random.Random(1)
    for i in range(events):
        place = chance.choice(PLACES)
        dimensions = {f"d{n}": place[n] if n < 2 else f"{n}-{place[n % 2]}" for n in range(10)}
        yield {
            "at": START + i * 2 * MINUTE // events,
            "kind": chance.choice("abc"),
            **dimensions,
            "user": f"u{chance.randrange(20_000)}",
            "amount": round(chance.lognormvariate(3.6, 0.5), 2),
        }


def _sent(records: Sequence[dict[str, Any]]) -> list[bytes]:
    """The records as a broker sends them: fetches of some thousand, in batches of some hundred."""
    batches = []
    for first in range(0, len(records), BATCH):
        builder = DefaultRecordBatchBuilder(
            magic=2, compression_type=0, is_transactional=0, producer_id=-1, producer_epoch=-1,
            base_sequence=-1, batch_size=1 << 20,
        )  # fmt: skip
        for n, record in enumerate(records[first : first + BATCH]):
            builder.append(n, timestamp=START, key=None, value=msgspec.json.encode(record), headers=[])
        batches.append(first.to_bytes(8, "big") + bytes(builder.build())[8:])
    return [b"".join(batches[n : n + STRIDE // BATCH]) for n in range(0, len(batches), STRIDE // BATCH)]


def _run(case: Case, fetches: Sequence[bytes]) -> tuple[float, list[Partial]]:
    """CPU seconds, and what came of it."""
    config = parse(case.configuration)
    format_ = make_format("feed", config.streamed["feed"], config.fields_of("feed"))
    fold = Fold(config, "feed", 0, 1)
    said: list[Any] = []
    started = time.process_time()
    for fetch in fetches:
        fetched = PartitionRecords(TP("feed", 0), MemoryRecords(fetch), None, 0, None, None, True, 0)
        records = decoded(fetched)
        events = parse_all(format_, [record.value or b"" for record in records]).events
        offsets = range(records[0].offset, records[-1].offset + 1)
        fold.fold_all(offsets, [NO_TIMESTAMP] * len(events), events, offsets[-1], NO_TIMESTAMP)
        said += fold.ready()
    said += fold.end()[1]
    return time.process_time() - started, [record for record in said if isinstance(record, Partial)]


def _problems(case: Case, records: Sequence[dict[str, Any]], partials: Sequence[Partial]) -> list[str]:
    """Where the totals of the intervals differ from what the records say."""
    detector = parse(case.configuration).detectors[0]
    problems = []
    for start in (START, START + MINUTE):
        events = [record for record in records if start <= record["at"] < start + MINUTE]
        partial = next(partial for partial in partials if partial.start == start)
        for column, (name, field, kind) in enumerate(case.measures):
            values = [record.get(field or "at") for record in events if kind in {None, record["kind"]}]
            expected, found = PLAINLY[name](values), _total(detector, partial, column)
            if not math.isclose(expected, found, rel_tol=ABOUT if case.limit == SKETCH else 1e-9):
                problems.append(f"{case.name}: {name} of {field} is {found}, must be {expected}")
    return problems


def _total(detector: Detector, partial: Partial, column: int) -> float:
    """A measure of all places."""
    of = aggregator(detector.additive[column], detector.interval)
    row = partial.places.index((None,) * len(detector.dimensions))
    return of.value(of.unpack(partial.columns[column][row]))


def table(found: Sequence[Cost]) -> Table:
    """The costs for people."""
    shown = Table(box=None, title=f"Unpack, decode and fold, beside {BASE.name}", title_justify="left")
    for heading in ("", "µs an event", "growth", "each", "at most", "reached"):
        shown.add_column(heading, justify="right" if heading else "left")
    for cost in found:
        share = [
            "" if part is None else f"{part:.0%}" for part in (cost.growth, cost.growth_each, cost.limit)
        ]
        reached = "WRONG" if cost.problems else "" if cost.limit is None else "yes" if cost.reached else "no"
        shown.add_row(cost.name, f"{cost.microseconds:.2f}", *share, reached)
    return shown
