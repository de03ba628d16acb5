"""What `lookalive backfill` is given → files that DuckDB counts: tables as they are, all else flattened."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from rich.progress import Progress, TaskID

from detectors.config import Config
from detectors.sources import Source
from streams.errors import HistoryError
from streams.flattening import Flattener, lines
from streams.settings import Settings
from streams.sources import Unavailable
from streams.sources.buckets import SCHEME, Store
from streams.topic_history import topic_records, topic_size


class Past(NamedTuple):
    """Events of the past."""

    files: Sequence[Path]
    #: How the files are read.
    source: Source
    #: Records that could not be read, and so are not in the files.
    invalid: int = 0
    #: Whether more may come after the last: of a topic, not of files.
    goes_on: bool = False


class Histories:
    """Gets the history of one source; files are there until the stack is closed."""

    def __init__(self, config: Config, source: str, stack: ExitStack, bars: Progress) -> None:
        self._config, self._source, self._stack, self._bars = config, source, stack, bars

    def of_files(self, inputs: Sequence[str], store: Store) -> Past:
        """What is in files that are named or match.

        Raises:
            HistoryError: there is none, or it cannot be fetched or read.
        """
        files = _found(inputs, store, self._stack)
        read_as = self._config.records_of(self._source)
        # What is hidden is hidden by the format, which reads lines.
        if read_as.format == "json" and not read_as.hidden:
            return Past(files, read_as)
        task = self._bars.add_task("reading lines", total=sum(file.stat().st_size for file in files))
        return self._flattened(chain.from_iterable(self._lines(files, task)))

    def _lines(self, files: Sequence[Path], task: TaskID) -> Iterator[Iterator[bytes]]:
        before = 0
        for file in files:
            yield lines(file, partial(self._advance, task, before))
            before += file.stat().st_size

    def of_topic(self, topic: str, offset: int | None, settings: Settings) -> Past:
        """What a topic has by now.

        Raises:
            TopicError: no broker answers, or it has no such topic.
        """
        task = self._bars.add_task(f"reading {topic}", total=topic_size(settings, topic, offset))
        records = topic_records(settings, topic, offset, partial(self._advance, task, 0))
        return self._flattened(records)._replace(goes_on=True)

    def _advance(self, task: TaskID, before: int, read: int) -> None:
        self._bars.update(task, completed=before + read)

    def _flattened(self, records: Iterable[bytes]) -> Past:
        """Events on this machine, in a folder of their own.

        Raises:
            HistoryError: there is no room for them.
        """
        flattener = Flattener(self._config, self._source)
        folder = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="lookalive-history-"))
        flat = Path(folder) / "events.jsonl"
        try:
            with flat.open("wb") as to:
                flattener.write(records, to)
        except OSError as error:
            message = f"{flat}: {error.strerror}: let TMPDIR be a folder with room for all events as JSON"
            raise HistoryError(message) from error
        return Past([flat], flattener.flat, flattener.invalid)


def _found(inputs: Sequence[str], store: Store, stack: ExitStack) -> list[Path]:
    files: dict[str, str] = {}
    try:
        for one in inputs:
            found = store.find(one)
            if not found:
                message = f"--input: there is no file {one}"
                raise HistoryError(message)
            # However a file is spelled, it is counted once.
            files |= {file if file.startswith(SCHEME) else os.path.realpath(file): file for file in found}
        return [stack.enter_context(store.local(file)) for file in files.values()]
    except Unavailable as error:
        message = f"--input: {error}"
        raise HistoryError(message) from None
