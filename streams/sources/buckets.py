"""Files at a path, or in an S3 bucket: as they are, or as copies that are gone again when they are read."""

from __future__ import annotations

import fnmatch
import glob
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from streams import aws
from streams.sources.reading import Unavailable

SCHEME = "s3://"
#: The standard mode of boto3 waits between them.
ATTEMPTS = 3


class Store:
    """Where files are found by paths and patterns; a bucket is asked only if a path is in one."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._client: Any = None

    def find(self, path: str) -> list[str]:
        """The files at a path or pattern, or in a folder, by name; not those that begin with `.` or `_`.

        Raises:
            Unavailable: S3 does not answer, or refuses.
            SettingsError: boto3 is not there.
        """
        if path.startswith(SCHEME):
            found = self._keys(*_split(path))
        else:
            matching = glob.iglob(f"{path}/*" if Path(path).is_dir() else path, recursive=True)
            found = [file for file in matching if Path(file).is_file()]
        return sorted(file for file in found if file.rpartition("/")[2][:1] not in {"", ".", "_"})

    @contextmanager
    def local(self, file: str) -> Iterator[Path]:
        """A file on this machine.

        Raises:
            Unavailable: it cannot be fetched.
        """
        if not file.startswith(SCHEME):
            yield Path(file)
            return
        bucket, key = _split(file)
        with tempfile.TemporaryDirectory(prefix="lookalive-") as folder:
            copy = Path(folder) / (key.rpartition("/")[2] or "file")
            with _said(file):
                self._s3.download_file(bucket, key, str(copy))
            yield copy

    def _keys(self, bucket: str, pattern: str) -> list[str]:
        """Without a pattern, the object of that name, or those in the folder."""
        fixed = pattern[: min((at for at in map(pattern.find, "*?[") if at >= 0), default=len(pattern))]
        is_pattern = fixed != pattern
        inside = pattern.rstrip("/") + "/"
        found = []
        with _said(f"{SCHEME}{bucket}/{pattern}"):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=fixed)
            for page in pages:
                for entry in page.get("Contents", ()):
                    key = entry["Key"]
                    if is_pattern:
                        # As on a disk, a star stays within its folder.
                        same_depth = key.count("/") == pattern.count("/")
                        matches = same_depth and fnmatch.fnmatchcase(key, pattern)
                    else:
                        matches = key == pattern or (key.startswith(inside) and "/" not in key[len(inside) :])
                    if matches:
                        found.append(f"{SCHEME}{bucket}/{key}")
        return found

    @property
    def _s3(self) -> Any:
        if self._client is None:
            self._client = aws.client("s3", self._region, ATTEMPTS)
        return self._client

    def close(self) -> None:
        """Let go of connections."""
        if self._client is not None:
            self._client.close()


def _split(path: str) -> tuple[str, str]:
    bucket, _, key = path.removeprefix(SCHEME).partition("/")
    return bucket, key


@contextmanager
def _said(path: str) -> Iterator[None]:
    """What goes wrong with S3, in a sentence."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415  (an extra)

    try:
        yield
    except ClientError as error:
        why = error.response.get("Error", {})
        message = f"{path}: S3 says {why.get('Code')}: {why.get('Message', '')}"
        raise Unavailable(message) from None
    except (BotoCoreError, OSError) as error:
        message = f"{path}: {type(error).__name__}: {error}"
        raise Unavailable(message) from None
