"""Copies of what models have learnt, taken from a running worker and put back, with a real broker."""

import gzip
import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from detectors import state
from detectors.closing import CloserState
from detectors.migrations import VERSION
from detectors.records import IntervalScores
from streams import backup_files, backups, tables
from streams.backup_files import Copies, Copy, Header, Lane
from streams.cli import main
from streams.clients import admin_client, reader
from streams.errors import BackupError
from streams.names import Names
from streams.said import BEGINS
from streams.score import LaneHead, ScoreHead
from streams.settings import Settings
from streams.tables import Snapshot
from tests.streams.truth import SECONDS, published, truth
from tests.streams.worker import running_worker

NOON = datetime.fromisoformat("2026-03-01T12:00:00+00:00")
HEADER = Header(backup_files.VERSION, NOON, "shop", 2, [Lane("shop", 0, 1, NOON - timedelta(minutes=1))])
COPIES: Copies = {0: Copy({b"0/head": b"\x00\xff", b"0/shop/0/7/0": b"x" * 1000}), 1: Copy()}


def run(settings: Settings, *arguments: object) -> Result:
    environment = {
        "LOOKALIVE_BOOTSTRAP": settings.bootstrap,
        "LOOKALIVE_GROUP": settings.group,
        "LOOKALIVE_PREFIX": settings.prefix,
    }
    return CliRunner(env=environment).invoke(main, ["state", *map(str, arguments)])


@pytest.mark.kafka
def test_what_is_put_back_learns_again_and_tells_nothing_twice(flow, read_all, tmp_path):
    def scores() -> list[Any]:
        """What was told of intervals; what people say lies among it."""
        told = read_all(f"{flow.settings.prefix}.scores")
        return [record for record in told if not record.value.startswith(BEGINS)]

    with running_worker(flow.config_text, flow.place("one")) as worker:
        flow.send(0.4)
        copy = wait_for(lambda: learnt(run(flow.settings, "save", "-d", tmp_path, "--json")))
        flow.send(0.3)
        wait_for(lambda: len(scores()) > len(truth()[IntervalScores]) // 2)
        refused = run(flow.settings, "restore", copy["file"])
        assert refused.exit_code == 2
        assert "stop them all first" in refused.output
        assert worker.terminate() == 0
    before = len(scores())

    restored = run(flow.settings, "restore", copy["file"], "--json")
    assert restored.exit_code == 0, restored.output
    assert json.loads(restored.stdout) == copy

    with running_worker(flow.config_text, flow.place("one")) as worker:
        flow.send()
        flow.assert_exact()
        told = scores()
        # What came after the copy was scored again, and only what is new was told.
        assert len(told) == len(published(told, IntervalScores))
        assert worker.count("lookalive_intervals_closed_total", detector="shop") > len(told) - before
        assert worker.terminate() == 0

    forget_partials(flow.settings)
    refused = run(flow.settings, "restore", copy["file"])
    assert refused.exit_code == 2
    assert "what is missing cannot be learnt again" in refused.output


def forget_partials(settings: Settings) -> None:
    """What retention does after 14 days."""
    topic = Names.under(settings.prefix).partials
    with reader(settings, topic, from_beginning=False) as consumer, admin_client(settings) as admin:
        admin.delete_records(consumer.end_offsets(consumer.assignment()))


def learnt(saved: Result) -> Any:
    """What a copy says of itself, once its models have learnt anything."""
    assert saved.exit_code == 0, saved.output
    copy = json.loads(saved.stdout)
    return copy if any(lane["through"] for lane in copy["header"]["lanes"]) else None


def wait_for(condition: Callable[[], Any]) -> Any:
    until = time.monotonic() + SECONDS
    while not (found := condition()):
        assert time.monotonic() < until
        time.sleep(0.5)
    return found


def stored(**through: int | None) -> Copy:
    """What the first partition holds of detectors that have closed up to there."""
    lanes = {}
    for name, closed_through in through.items():
        closer = CloserState.begun(name)
        closer.closed_through = closed_through
        lanes[name, 0] = LaneHead(1, closer, [])
    head = state.encode(ScoreHead(7, lanes))
    return Copy(tables.records(0, Snapshot(7, head)))


@pytest.mark.parametrize("copy", [stored(old=60), Copy()])
def test_what_a_copy_lacks_begins_anew_and_is_not_told_again(copy: Copy) -> None:
    changes = backups.overwriting(0, stored(old=120, new=180), copy)

    restored = Copy({key: value for key, value in changes.items() if value is not None})
    head, _ = tables.read(restored, 0)
    assert head is not None
    lanes = state.decode(head, ScoreHead).lanes
    assert {name: lane.told for (name, _), lane in lanes.items()} == {"old": 120, "new": 180}
    assert lanes["new", 0].closer.closed_through is None
    assert tables.contained(restored, 0) == (7 if copy else -1)


def test_a_copy_of_a_newer_state_is_refused_in_a_sentence() -> None:
    head = bytes([VERSION + 1]) + state.encode(ScoreHead(7, {}))[1:]
    newer = Copy(tables.records(0, Snapshot(7, head)))

    with pytest.raises(BackupError, match="partition 0: the stored ScoreHead has version"):
        backups.overwriting(0, Copy(), newer)


def test_a_file_is_read_as_it_was_written(tmp_path):
    file = tmp_path / "copy.state.gz"

    backup_files.write(file, HEADER, COPIES)

    assert backup_files.read_header(file) == HEADER
    assert backup_files.read(file) == COPIES
    assert [entry.name for entry in tmp_path.iterdir()] == ["copy.state.gz"]


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda whole: whole[: len(whole) // 2], "damaged"),
        (lambda _: b"hello", "no copy"),
        (lambda _: gzip.compress(b"hello, this is no copy"), "damaged"),
        (lambda _: gzip.compress(b"\x00\x00\x00\x01\xc1"), "no copy"),
        (lambda _: gzip.compress(b""), "no copy"),
        (lambda _: gzip.compress(of_partitions(10**12)), "no copy"),
    ],
)
def test_what_is_no_copy_is_refused_in_a_sentence(tmp_path, damage, message):
    file = tmp_path / "copy.state.gz"
    backup_files.write(file, HEADER, COPIES)
    file.write_bytes(damage(file.read_bytes()))

    with pytest.raises(BackupError, match=message):
        backup_files.read(file)


def of_partitions(number: int) -> bytes:
    """A file whose header says that there are so many partitions."""
    header = msgspec.msgpack.encode(msgspec.structs.replace(HEADER, partitions=number))
    return len(header).to_bytes(4, "big") + header


def test_what_is_not_there_is_said_in_a_sentence(tmp_path):
    missing = run(Settings(bootstrap="127.0.0.1:1"), "restore", tmp_path / "gone.state.gz")

    assert missing.exit_code == 2
    assert "gone.state.gz: no copy" in missing.output


def test_a_damaged_copy_is_listed_as_such_and_passed_over(tmp_path):
    settings = Settings(bootstrap="127.0.0.1:1")
    for day in (1, 2):
        backup_files.write(tmp_path / f"{day}.state.gz", HEADER, COPIES)
    half = (tmp_path / "2.state.gz").read_bytes()[:-20]
    (tmp_path / "2.state.gz").write_bytes(half)
    (tmp_path / "3.state.gz").write_bytes(b"hello")

    listed = run(settings, "list", "-d", tmp_path)
    lines = run(settings, "list", "-d", tmp_path, "--json")
    restored = run(settings, "restore", "-d", tmp_path, "--to", NOON.isoformat())

    assert listed.exit_code == 0
    assert "3.state.gz cannot be read" in " ".join(listed.stdout.split())
    assert "3.state.gz: no copy" in listed.stderr
    assert [set(json.loads(line)) for line in lines.stdout.splitlines()][1:] == [
        {"file", "header"},
        {"file", "damaged"},
    ]
    # It gets as far as the broker, with the one that is whole.
    assert "2.state.gz: no copy of `lookalive state save`, or damaged" in restored.output
    assert "no Kafka answers" in restored.output


def test_a_copy_of_another_version_is_refused(tmp_path):
    file = tmp_path / "copy.state.gz"
    backup_files.write(file, Header(99, NOON, "shop", 2, []), COPIES)

    with pytest.raises(BackupError, match="version 99"):
        backup_files.read(file)


def test_the_copy_of_a_time_has_learnt_nothing_after_it(tmp_path):
    settings = Settings(bootstrap="127.0.0.1:1")
    for day in (1, 2, 3):
        at = NOON + timedelta(days=day)
        backup_files.write(
            tmp_path / f"{day}.state.gz", Header(1, at, "shop", 1, [Lane("shop", 0, 1, at)]), {}
        )

    listed = run(settings, "list", "-d", tmp_path)
    none = run(settings, "restore", "-d", tmp_path, "--to", "2026-03-02T11:00Z")
    nonsense = run(settings, "restore", "-d", tmp_path, "--to", "yesterday")
    which = run(settings, "restore", "-d", tmp_path)

    assert [line.split()[-1] for line in listed.output.splitlines()[1:]] == [
        (NOON + timedelta(days=day)).isoformat() for day in (1, 2, 3)
    ]
    assert (none.exit_code, nonsense.exit_code, which.exit_code) == (2, 2, 2)
    assert "no copy that has learnt nothing after 2026-03-02T11:00:00+00:00" in none.output
    assert "'yesterday' is no time" in nonsense.output
    assert "say which copy" in which.output
