"""`lookalive series` shows what the model of one series believes after a backtest."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from detectors import loading, state
from detectors.closing import Closer
from detectors.records import Interval, Place
from detectors.scorer import Scorer
from streams import backup_files, tables
from streams.backup_files import Copy, Header
from streams.cli import main
from streams.pieces import Pieces
from streams.score import LaneHead, ScoreHead
from streams.tables import Snapshot
from tests.streams.cli.test_charts import data

START = datetime(2026, 3, 2, tzinfo=UTC)
HOURS = 16 * 24

CONFIGURATION = """
[sources.shop]
topic = "shop"
format = "json"
time = "timestamp"

[[detectors]]
name = "shop"
source = "shop"
interval = "PT1H"
dimensions = ["platform", "country"]
measures = [{ name = "views", aggregation = "sum", field = "views" }]

[[detectors]]
name = "temperature"
source = "shop"
interval = "PT1H"
measures = [{ name = "heat", aggregation = "mean", field = "heat" }]

[[alerts]]
name = "shop-page"
detector = "shop"
"""


def views(hour: int, platform: str) -> int:
    if hour == HOURS - 2 and platform == "app":
        return 0
    return (400 if hour % 24 >= 12 else 100) + random.Random(hour).randint(-5, 5) + 50 * (platform == "web")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lookalive.toml").write_text(CONFIGURATION)
    lines = ["timestamp,platform,country,views,heat"]
    for hour in range(HOURS):
        time = (START + timedelta(hours=hour)).isoformat()
        lines += [f"{time},{p},D E,{views(hour, p)},{-20 - hour % 24}" for p in ("app", "web")]
    (tmp_path / "shop.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def look(folder: Path, series: str, *arguments: str) -> Result:
    command = ["series", series, "-c", str(folder / "lookalive.toml"), "--input", str(folder / "shop.csv")]
    return CliRunner().invoke(main, [*command, *arguments])


def test_it_says_what_the_model_believes(folder: Path) -> None:
    result = look(folder, "views{country=D%20E,platform=app}", "--json", "--html", str(folder / "app.html"))

    said = json.loads(result.stdout)
    believes = said["believes"]
    assert (said["dimensions"], said["model"]) == ({"platform": "app", "country": "D E"}, "seasonal")
    assert (said["intervals"], believes["values"], believes["kind"]) == (HOURS, HOURS, "counts")
    assert believes["day"][6] == pytest.approx(100, rel=0.1)
    assert believes["day"][18] == pytest.approx(400, rel=0.1)
    assert believes["week"][24 + 18] == pytest.approx(400, rel=0.1)
    assert sum(believes["weights"].values()) == pytest.approx(1, abs=0.01)
    assert said["last"][-2]["value"] == 0
    assert said["last"][-2]["severity"] > 90
    drawn = data((folder / "app.html").read_text())
    assert len(drawn["value"]) == HOURS
    assert HOURS - 2 in drawn["alerts"]


def test_below_zero_stays_below_zero(folder: Path) -> None:
    believes = json.loads(look(folder, "heat", "--json").stdout)["believes"]

    assert believes["day"][5] == pytest.approx(-25, rel=0.1)
    assert believes["kind"] == "a gauge"


def test_people_are_shown_a_table(folder: Path) -> None:
    shown = " ".join(look(folder, "views{platform=web}").stdout.split())

    assert "kind counts" in shown
    assert "usual of day 00h" in shown
    assert "usual of week Mon" in shown


@pytest.mark.parametrize(
    ("series", "status", "sentence"),
    [
        ("views{platform=tv}", 1, "no series views{platform=tv} there; known: views{}"),
        ("view", 2, "no measure 'view'; did you mean 'views'?"),
        ("views{platfrom=app}", 2, "no dimension 'platfrom'; did you mean 'platform'?"),
        ("views{platform}", 2, "expected one such as views"),
        ("views{platform=app", 2, "expected one such as views"),
    ],
)
def test_what_is_not_there_is_said_in_one_sentence(
    folder: Path, series: str, status: int, sentence: str
) -> None:
    result = look(folder, series)

    assert result.exit_code == status
    assert sentence in result.stderr


def test_a_copy_shows_what_workers_have_learnt(folder: Path) -> None:
    what = loading.load(folder / "lookalive.toml")
    detector = what.detector("shop")
    scorer = Scorer(detector)
    for hour in range(HOURS):
        start = int((START + timedelta(hours=hour)).timestamp() * 1000)
        places: list[Place] = [(None, None), ("app", None), (None, "D E"), ("app", "D E")]
        values = {"views": [float(views(hour, "app"))] * 4}
        scorer.score(Interval("shop", start, start + 3_600_000, 2, places, [1] * 4, values))
    known, blocks = scorer.save()
    pieces = Pieces(0, "shop/0", [])
    written = pieces.cut(7, map(state.encode, [known, *blocks]))
    head = ScoreHead(7, {("shop", 0): LaneHead(1, Closer(detector).save(), pieces.written)})
    snapshot = Snapshot(7, state.encode(head), written, frozenset(pieces.referred()))
    copies = {0: Copy(tables.records(0, snapshot)), 1: Copy()}
    backup_files.write(folder / "copy.state.gz", Header(backup_files.VERSION, START, "g", 2, []), copies)

    asked = ["-c", str(folder / "lookalive.toml"), "--copy", str(folder / "copy.state.gz")]
    found = CliRunner().invoke(main, ["series", "views{platform=app}", *asked, "--json"])
    shown = CliRunner().invoke(main, ["series", "views{platform=app}", *asked])
    missing = CliRunner().invoke(main, ["series", "views{platform=tv}", *asked])

    assert json.loads(found.stdout)["believes"]["day"][18] == pytest.approx(400, rel=0.1)
    assert "usual of day" in shown.stdout
    assert (missing.exit_code, missing.stdout) == (1, "")


def test_it_is_said_from_what_to_read(folder: Path) -> None:
    result = CliRunner().invoke(main, ["series", "views", "-c", str(folder / "lookalive.toml")])

    assert result.exit_code == 2
    assert "--input with past events, or --copy" in result.stderr
