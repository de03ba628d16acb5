"""Samples that `lookalive infer` is tried on, and what it answers."""

from __future__ import annotations

import gzip
import json
import random
import tomllib
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from detectors.loading import parse
from streams.cli import main

NOW = 1_790_000_400_000
HOUR = 3_600_000


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["infer", *map(str, arguments)])


def answer(*arguments: object, exit_code: int = 0) -> dict[str, Any]:
    result = run(*arguments, "--json")
    assert result.exit_code == exit_code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    parse(found["toml"])
    return found


def detector(found: dict[str, Any]) -> dict[str, Any]:
    return dict(tomllib.loads(found["toml"])["detectors"][0])


def source(found: dict[str, Any]) -> dict[str, Any]:
    (table,) = tomllib.loads(found["toml"])["sources"].values()
    return dict(table)


def measures(found: dict[str, Any]) -> dict[str, Any]:
    return {measure.pop("name"): measure for measure in detector(found)["measures"]}


def why_not(found: dict[str, Any]) -> dict[str, str]:
    return {field["field"]: field["why"] for field in found["left_out"]}


def lines(path: Path, records: Iterable[Any]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def orders(count: int = 600, /, **changed: Callable[[int], Any]) -> list[dict[str, Any]]:
    """Orders of a shop, one after the other at odd distances; fields can be put over them."""
    rng, now, records = random.Random(5), NOW, []
    for n in range(count):
        now += 1 + int(rng.expovariate(1 / 7_000))
        record: dict[str, Any] = {
            "created_at": datetime.fromtimestamp(now / 1000, UTC).isoformat().replace("+00:00", "Z"),
            "channel": rng.choice(["app", "web", "store"]),
            "geo": {"country": rng.choice(["DE", "FR", "US", "GB"])},
            "total": round(rng.uniform(5, 90), 2),
        }
        for name, value in changed.items():
            record[name] = value(n)
        records.append(record)
    return records


def backtest(path: Path, toml: str, tmp_path: Path) -> dict[str, Any]:
    configuration = tmp_path / "inferred.toml"
    configuration.write_text(toml, encoding="utf-8")
    arguments = ["backtest", "-c", str(configuration), "--input", str(path), "--json"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    tally: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return tally


def hourly(path: Path, hours: int = 40) -> Path:
    rng = random.Random(3)
    rows = ["platform,marketplace,timestamp,views,revenue,views_label,revenue_label"]
    for hour in range(hours):
        at = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(hours=hour)
        for platform in ("pc_web", "mobile_web", "mobile_app"):
            for marketplace in ("us", "uk", "de", "fr"):
                views = rng.randint(50, 500)
                rows.append(f"{platform},{marketplace},{at:%Y-%m-%d %H:%M:%S},{views},{views * 0.3},0,0")
    packed = "\n".join(rows).encode() + b"\n"
    path.write_bytes(gzip.compress(packed) if path.suffix == ".gz" else packed)
    return path
