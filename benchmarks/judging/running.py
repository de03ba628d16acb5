"""Streams → scores by a model of ours: all streams that share their moments advance as one block."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.judging.episodes import Scored
from benchmarks.judging.streams import Stream
from detectors.models.base import Model, Moment
from detectors.severity import severity

Make = Callable[[float], Model]


def run(make: Make, streams: Sequence[Stream]) -> list[Scored]:
    """Score each stream from its first point to its last, each point before it is learnt."""
    blocks = defaultdict[tuple[int, bytes, bytes], list[int]](list)
    for number, stream in enumerate(streams):
        moments = stream.second_of_week.tobytes(), stream.special.tobytes()
        blocks[stream.interval_seconds, *moments].append(number)
    scored: dict[int, Scored] = {}
    for numbers in blocks.values():
        scored.update(zip(numbers, _run([streams[n] for n in numbers], make), strict=True))
    return [scored[number] for number in range(len(streams))]


def _run(block: Sequence[Stream], make: Make) -> list[Scored]:
    first = block[0]
    values = np.stack([stream.value for stream in block], axis=1)
    told = np.empty((5, *values.shape))
    model = make(first.interval_seconds)
    model.grow(len(block))
    for point, value in enumerate(values):
        moment = Moment(int(first.second_of_week[point]), bool(first.special[point]))
        assessment = model.assess(moment, value)
        told[:4, point] = assessment.surprise, assessment.expected, assessment.lower, assessment.upper
        told[4, point] = assessment.lasting
        # A series that has seen too little tells of nothing.
        told[0, point, assessment.learning] = np.nan
        model.learn(assessment)
    # Rounded as in the records that groups are made of.
    told[0] = severity(told[0]).round(1)
    return [Scored(*told[:, :, number]) for number in range(len(block))]
