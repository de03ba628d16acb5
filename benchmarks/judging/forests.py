"""Robust random cut forests (`rrcf`), which live in the environment of the peers, and are slow."""

from __future__ import annotations

import json
import resource
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.contest import environment
from benchmarks.judging.episodes import Scored
from benchmarks.judging.streams import Stream
from detectors.models.base import Column

NAME = "rrcf"
SCRIPT = Path(__file__).parents[1] / "peers" / "rrcf_scores.py"


def run(streams: Sequence[Stream]) -> list[Scored]:
    """The scores of each stream; what is missing is neither scored nor learnt."""
    return [Scored(scores) for scores in _scores([stream.value for stream in streams])]


def microseconds(values: Column) -> float:
    """CPU of a point, without what it takes to start."""
    half = len(values) // 2
    return (_cpu_seconds(values) - _cpu_seconds(values[:half])) / half * 1e6


def _scores(values: Sequence[Column]) -> list[Column]:
    seen = [~np.isnan(value) for value in values]
    lines = "".join(
        json.dumps(value[there].tolist()) + "\n" for value, there in zip(values, seen, strict=True)
    )
    # It asks for pkg_resources, which warns.
    command = [environment.python(), "-W", "ignore", str(SCRIPT)]
    done = subprocess.run(command, input=lines, stdout=subprocess.PIPE, text=True, check=True)
    told = [np.zeros(len(value)) for value in values]
    for scores, there, line in zip(told, seen, done.stdout.splitlines(), strict=True):
        scores[there] = json.loads(line)
    return told


def _cpu_seconds(values: Column) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _scores([values])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
