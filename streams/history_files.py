"""Files of history: of which kind they are, and how DuckDB reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from streams.errors import HistoryError

#: How the names of packed files end.
PACKED = (".gz", ".zst")
#: And of files that are no lines of text.
TABLES = (".parquet", ".csv", ".tsv")
#: How a name ends → what the file is.
KINDS = {
    ".parquet": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
}


class HistoryFiles:
    """Files of one kind."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Raises HistoryError: the files are of no kind that is known, or of several."""
        kinds = {kind_of(path) for path in paths}
        if len(kinds) != 1:
            message = f"files of one kind at a time, not {' and '.join(sorted(kinds))}"
            raise HistoryError(message)
        self.kind = kinds.pop()
        self.paths = [str(path) for path in paths]

    @property
    def relation(self) -> str:
        """What a query reads from; folders called like year=2030 are names, and no columns."""
        files = "[" + ", ".join(quoted(_as_it_is(path)) for path in self.paths) + "]"
        return {
            "parquet": f"read_parquet({files}, union_by_name = true, hive_partitioning = false)",
            # What quotes is said: else an apostrophe at the beginning of a cell might be found to.
            "csv": f"read_csv({files}, all_varchar = true, header = true, union_by_name = true, "
            "quote = '\"', escape = '\"', comment = '', hive_partitioning = false)",
            "json": f"read_ndjson_objects({files}, ignore_errors = true, hive_partitioning = false)",
        }[self.kind]


def kind_of(file: Path) -> str:
    """Of which kind a file is, by its name.

    Raises:
        HistoryError: it does not say.
    """
    suffixes = [suffix.lower() for suffix in file.suffixes if suffix.lower() not in PACKED]
    kind = KINDS.get(suffixes[-1] if suffixes else "")
    if kind is None:
        message = f"{file}: what is it? Its name should end in .parquet, .csv, .tsv, .json, .jsonl or .ndjson"
        raise HistoryError(message)
    return kind


def quoted(said: str) -> str:
    """A text as SQL has it."""
    return "'" + said.replace("'", "''") + "'"


def _as_it_is(file: str) -> str:
    """A name of which DuckDB makes no pattern."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in file)
