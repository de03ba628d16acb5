"""Files of what people said, one JSON object a line: read for a backtest."""

from __future__ import annotations

from pathlib import Path

import msgspec

from detectors.config import Config
from detectors.feedback import Said
from streams.errors import GroupError

_decode = msgspec.json.Decoder(Said).decode


def read_feedback(path: Path, what: Config) -> list[Said]:
    """What was said of detectors that the configuration has, in order.

    Raises:
        GroupError: a line says nothing that is known.
    """
    known = {detector.name for detector in what.detectors}
    said = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if line.strip():
            try:
                said.append(_decode(line))
            except msgspec.MsgspecError as error:
                message = f"{path.name}: line {number}: {error}"
                raise GroupError(message) from error
    return [each for each in said if each.detector in known]
