"""What commands show on a terminal: tables, and bars of what takes long."""

from __future__ import annotations

import sys

from rich.console import Console, RenderableType
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

WIDTH = 200


def show(table: RenderableType) -> None:
    """Print a table, or several; in a pipe there is no width to fit into."""
    Console(width=None if sys.stdout.isatty() else WIDTH).print(table)


def bar() -> Progress:
    """A bar that is gone when it is done, beside what is printed; in a pipe there is none."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
