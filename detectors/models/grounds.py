"""What a mixture of forecasts knows of a surprising value, in words."""

from __future__ import annotations

from collections.abc import Sequence

#: The lines of deviations that `seasonal` looks at, and that there is no value.
EVIDENCE = (
    "far above the forecast", "far below the forecast",
    "above the forecast over the last intervals", "below the forecast over the last intervals",
    "far above its level of late", "far below its level of late",
    "a step from the interval before",
)  # fmt: skip
#: Those that remember: a value may be on the other side of what was expected by now.
MEANS = range(2, 4)
PARENT = "its seasons are those of its parent still, or of a sibling"
MISSING = "no value, in a series that hardly ever lacks one"
#: The candidates of its mixture. A season counts as one, shifted to the level of now or scaled to it.
CANDIDATES = (
    "the level of now", "the time of day", "the hour of the week", "the time of day", "the hour of the week",
    "the last values",
)  # fmt: skip
#: Candidates of less weight than this are not named.
LEAST_SHARE = 0.1


def evidence_in_words(kind: int, *, above: bool) -> str:
    """What is unusual: a line of `EVIDENCE`; `above` says on which side of its forecast the value is.

    >>> evidence_in_words(2, above=False)
    'above the forecast over the last intervals, though not in this interval'
    """
    is_of_above = kind % 2 == 0
    turned = kind in MEANS and is_of_above != above
    return EVIDENCE[kind] + (", though not in this interval" if turned else "")


def basis_in_words(names: Sequence[str], weights: Sequence[float]) -> str:
    """From what a forecast comes: what carries weight, the heaviest first; candidates of a name are one.

    >>> basis_in_words(["the level", "the hour", "the day", "the hour"], [2, 3, 0, 5])
    'expected from the hour (80 %), the level (20 %)'
    """
    share = dict.fromkeys(names, 0.0)
    for name, weight in zip(names, weights, strict=True):
        share[name] += weight / sum(weights)
    heaviest = sorted(share, key=lambda name: -share[name])
    told = [f"{name} ({100 * share[name]:.0f} %)" for name in heaviest if share[name] >= LEAST_SHARE]
    return f"expected from {', '.join(told)}"
