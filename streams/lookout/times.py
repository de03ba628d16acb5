"""How times are written, as Java says it → whether they are read here.

Text is read as RFC 3339, with a `T` or a space; a number as a time since 1970.
"""

from __future__ import annotations

import re

#: An offset of a letter alone may be "+01", and a name such as CET is no offset.
OFFSET = r"(?:X{2,3}|x{2,3}|Z{1,3}|Z{5}|'Z')"
READ = re.compile(rf"yyyy-MM-dd(?: |'T'|T|' ')HH:mm:ss(?:[.]S{{1,9}})?(?P<offset>{OFFSET})?")


def is_read(pattern: str | None) -> bool:
    """Whether times that are written so are read.

    >>> is_read("yyyy-MM-dd HH:mm:ss"), is_read("yyyy-MM-dd'T'HH:mm:ss.SSSXXX"), is_read("dd/MM/yyyy")
    (True, True, False)
    """
    return pattern is None or READ.fullmatch(pattern) is not None


def names_offset(pattern: str | None) -> bool:
    """Whether times that are written so say how far they are from UTC.

    >>> names_offset("yyyy-MM-dd'T'HH:mm:ssXXX"), names_offset("yyyy-MM-dd HH:mm:ss")
    (True, False)
    """
    found = READ.fullmatch(pattern or "")
    return found is not None and found["offset"] is not None
