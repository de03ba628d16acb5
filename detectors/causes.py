"""Which measure of an incident caused which, as far as that can be known.

A direction is claimed only where the configuration gives it: of a ratio and what it is computed of, and along
a funnel where the later measure is as it has to be, given the earlier one. All else is off together: related.
"""

from __future__ import annotations

from collections.abc import Mapping

from detectors.config import Detector
from detectors.courses import Course
from detectors.records import JOINT, Relation, Role

#: A measure is as another one makes it: so many standard errors from that at most, or such a share of itself.
AS_GIVEN, ABOUT = 2.5, 0.3
#: A cause may be seen so many intervals later than its effect.
LATEST = 1


def relations(detector: Detector, courses: Mapping[str, Course], primary: str) -> list[Relation]:
    """What the measures of a group have to do with each other, the one that it began with first."""
    of = {measure: course for measure, course in courses.items() if measure != JOINT}
    if len(of) < 2:
        return []
    caused = {measure: cause for measure in of if (cause := _cause(detector, of, measure)) is not None}
    roots = [measure for measure in of if measure not in caused]
    order = {measure.name: n for n, measure in enumerate(detector.measures)}
    # An unusual combination is no measure: in its place stands the one that is off most clearly.
    own = _root(primary, caused) if primary in of else max(roots, key=lambda m: of[m].clearness)
    # What is hardly off is no cause, however early, and neither is what is off by much less.
    clear = max(of[measure].clearness for measure in roots) / 2
    far = abs(of[own].shift) / 2
    likely = [m for m in roots if of[m].clearness >= clear and abs(of[m].shift) >= far] or [own]
    first = min(likely, key=lambda m: (of[m].began, m != own, order.get(m, len(order))))
    told = []
    for measure in sorted(of, key=lambda m: (m != first, of[m].began, order.get(m, len(order)))):
        lag = (of[measure].began - of[first].began) // detector.interval
        if measure == first:
            effects = [share for m, (_, share) in caused.items() if _root(m, caused) == first]
            # That a ratio follows says nothing against others that may have begun it at the same time.
            alone = all(of[m].began > of[first].began for m in likely if m != first)
            is_cause = any(share is not None for share in effects) or (alone and effects)
            role: Role = "cause" if is_cause else "related"
            told.append(Relation(measure, role))
        elif _root(measure, caused) == first:
            told.append(Relation(measure, "effect", caused[measure][1], lag))
        else:
            told.append(Relation(measure, "related", None, lag))
    return told


def _root(measure: str, caused: Mapping[str, tuple[str, int | None]]) -> str:
    while measure in caused:
        measure = caused[measure][0]
    return measure


def _cause(detector: Detector, of: Mapping[str, Course], measure: str) -> tuple[str, int | None] | None:
    """The measure that makes another one what it is, and how much of it it explains; None where none does."""
    ratios = {m.name: m.ratio for m in detector.measures if m.ratio is not None}
    ratio = ratios.get(measure)
    if ratio is not None:
        parts = [part for part in ratio if part in of and of[part].shift]
        # It is computed of them: what it does, they have done.
        return (max(parts, key=lambda part: of[part].clearness), None) if parts else None
    found, mine = [], of[measure]
    before = detector.funnel[: detector.funnel.index(measure)] if measure in detector.funnel else []
    for cause in before:
        # A ratio follows from what it is computed of, and causes nothing: so no measure causes itself.
        if (
            cause in ratios
            or cause not in of
            or of[cause].began > mine.began + LATEST * detector.interval
            or not mine.shift
        ):
            continue
        theirs = of[cause]
        error = (mine.error**2 + theirs.error**2) ** 0.5
        off = abs(mine.shift - theirs.shift)
        if mine.shift * theirs.shift > 0 and (off <= AS_GIVEN * error or off <= ABOUT * abs(mine.shift)):
            found.append((off, cause, round(100 * min(1.0, theirs.shift / mine.shift))))
    return min(found)[1:] if found else None
