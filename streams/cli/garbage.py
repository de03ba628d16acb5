"""How seldom Python looks for garbage while a command holds much that is none.

Records and what is kept of them are in no cycles. With Python's own thresholds all of it is looked through
again and again, the more of it there is.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: Objects made since garbage was looked for, and how many times that until older ones are looked at too.
SELDOM = (50_000, 20, 100)


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Look for garbage seldom, and never among what was there before."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
