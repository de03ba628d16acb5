"""`lookalive state`: keep copies of what models have learnt, and go back to one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec
from rich.table import Table

from streams import backup_files, backups
from streams.backup_files import Copies, Header
from streams.backups import Advance
from streams.cli import settings
from streams.cli.terminal import bar, show
from streams.errors import BackupError

SUFFIX = ".state.gz"

directory_option = click.option(
    "-d",
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("states"),
    show_default=True,
    help="Where copies are kept.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="JSON lines.")


class Saved(msgspec.Struct, frozen=True):
    """A copy in a directory."""

    file: Path
    header: Header


class Damaged(msgspec.Struct, frozen=True):
    """A file in a directory of copies that cannot be read."""

    file: Path
    damaged: str


@click.group()
def command() -> None:
    """Save what models have learnt, list the copies, and go back to one.

    A copy is taken while workers run; going back needs them stopped. They then learn again from what was
    measured since, without what a calendar tells them not to learn, and tell nothing twice.
    """


@command.command(epilog="Example: LOOKALIVE_BOOTSTRAP=localhost:9092 lookalive state save -d states")
@directory_option
@json_option
def save(directory: Path, as_json: bool) -> None:
    """Take a copy, named by the time at which it is taken."""
    where, now = settings(), datetime.now(UTC)
    directory.mkdir(parents=True, exist_ok=True)
    with _bar("reading the changelog") as advance:
        copies = backups.fetch(where, advance)
    saved = Saved(directory / f"{now:%Y%m%dT%H%M%SZ}{SUFFIX}", backups.header(where, copies, now))
    backup_files.write(saved.file, saved.header, copies)
    _show([saved], as_json)


@command.command("list", epilog="Example: lookalive state list -d states")
@directory_option
@json_option
def list_(directory: Path, as_json: bool) -> None:
    """List copies, the oldest first."""
    copies = [_look(file) for file in _files(directory)]
    _show(copies, as_json)
    for copy in copies:
        if isinstance(copy, Damaged):
            click.echo(copy.damaged, err=True)


@command.command(epilog="Example: lookalive state restore --to 2026-03-01T00:00Z -d states")
@directory_option
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@click.option("--to", "at", metavar="TIME", help="The newest copy that has learnt nothing after it.")
@json_option
def restore(directory: Path, file: Path | None, at: str | None, as_json: bool) -> None:
    """Go back to a copy: FILE, or the one of a time."""
    if (file is None) == (at is None):
        message = "say which copy: a FILE, or --to TIME"
        raise click.UsageError(message)
    if file is None:
        saved, copies = _of_time(directory, at)
    else:
        saved, copies = Saved(file, backup_files.read_header(file)), backup_files.read(file)
    with _bar("putting it back") as advance:
        backups.put_back(settings(), copies, advance)
    _show([saved], as_json)


def _look(file: Path) -> Saved | Damaged:
    try:
        return Saved(file, backup_files.read_header(file))
    except BackupError as error:
        return Damaged(file, str(error))


def _files(directory: Path) -> list[Path]:
    return sorted(directory.glob(f"*{SUFFIX}"))


def _of_time(directory: Path, text: str | None) -> tuple[Saved, Copies]:
    """The newest copy that can be read and has learnt nothing after a time; damaged ones are told of."""
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        message = f"--to: {text!r} is no time; write 2026-03-01T00:00Z"
        raise click.UsageError(message) from None
    at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    for file in reversed(_files(directory)):
        try:
            header = backup_files.read_header(file)
            if (header.through or at) <= at:
                return Saved(file, header), backup_files.read(file)
        except BackupError as error:
            click.echo(f"left out: {error}", err=True)
    message = f"{directory} has no copy that has learnt nothing after {at.isoformat()}"
    raise BackupError(message)


def _show(copies: Sequence[Saved | Damaged], as_json: bool) -> None:
    if as_json:
        encoder = msgspec.json.Encoder(enc_hook=str)
        click.echo(encoder.encode_lines(copies), nl=False)
        return
    table = Table(box=None, pad_edge=False)
    for column in ("file", "taken", "group", "detector", "shard", "learnt until"):
        table.add_column(column, no_wrap=True)
    for saved in copies:
        if isinstance(saved, Damaged):
            table.add_row(str(saved.file), "cannot be read")
            continue
        for lane in saved.header.lanes:
            through = "nothing yet" if lane.through is None else lane.through.isoformat()
            table.add_row(
                str(saved.file), saved.header.taken.isoformat(timespec="seconds"), saved.header.group,
                lane.detector, f"{lane.shard + 1} of {lane.shards}", through,
            )  # fmt: skip
    show(table)


@contextmanager
def _bar(what: str) -> Iterator[Advance]:
    """A progress bar on the terminal."""
    with bar() as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, of: progress.update(task, completed=done, total=of)
