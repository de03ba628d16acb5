"""A query that gives very many rows takes little memory: each database streams them in its own way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.streams.sources.asking import ALWAYS

#: Reads all, and says how many rows there were and how many bytes more that took than a query with one row.
STREAMING = """
import resource, sys
from detectors.sources import Sql
from tests.streams.sources.asking import END, START, reader

memory = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

def count(query):
    return sum(1 for _ in reader(Sql(url="env:SHOP_DATABASE", query=query, time="ts")).read(START, END))

assert count(sys.argv[1] + " LIMIT 1") == 1
before = memory()
print(count(sys.argv[1]), memory() - before)
"""


@pytest.mark.parametrize("kind", ["postgresql", "redshift", "mariadb"])
def test_two_hundred_thousand_rows_are_not_in_memory_at_once(
    kind: str, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue("mariadb" if kind == "mariadb" else "postgres")
    many = "seq_1_to_200000" if kind == "mariadb" else "generate_series(1, 200000)"
    query = f"SELECT '2026-03-01 12:00:00' AS ts, repeat('x', 300) AS pad FROM {many} {ALWAYS}"
    done = subprocess.run(
        [sys.executable, "-c", STREAMING, query],
        cwd=Path(__file__).parents[3],
        env={**os.environ, "SHOP_DATABASE": server.reached_as(kind)},
        capture_output=True,
        text=True,
        check=True,
    )
    count, grown = map(int, done.stdout.split())
    assert count == 200_000
    # The texts alone are 60 MB.
    assert grown < 20e6
