"""What is to be said about what was read: one sentence each, of a kind, about a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

Kind = Literal["kept", "better", "changed", "missing", "to do"]

#: Kind → what stands above its remarks.
KINDS: Mapping[Kind, str] = {
    "kept": "means the same here",
    "better": "better here",
    "changed": "is different here",
    "missing": "has no equivalent",
    "to do": "to do before it runs",
}


class Remark(msgspec.Struct, frozen=True):
    """One sentence."""

    kind: Kind
    #: A table, such as `detectors.shop`; or a file.
    about: str
    says: str
