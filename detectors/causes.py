"""Which measure of an incident caused which, as far as that can be known.

A direction is claimed where the configuration gives it: of a ratio and what it is computed of, and along a
funnel where the later measure is as it has to be, given the earlier one. Where none is given, what was learnt
while nothing was wrong is as good as a funnel; else a clear lead is. All else is off together: related.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from operator import itemgetter

from detectors.config import Detector
from detectors.courses import Course, Courses
from detectors.records import JOINT, Relation, Role

#: A measure is as another one makes it: so many standard errors from that at most, or such a share of itself.
AS_GIVEN, ABOUT = 2.5, 0.3
#: A cause explains so much of its effect, 0 to 100.
MOST = 50
#: A cause may be seen so many intervals later than its effect.
LATEST = 1


#: An effect → its cause, and how much of it that explains, where that is known.
Caused = dict[str, tuple[str, int | None]]


def relations(
    detector: Detector, courses: Courses, primary: str, followed: Mapping[str, Sequence[str]]
) -> list[Relation]:
    """What the measures of a group have to do with each other, the one that it began with first.

    `followed` are the measures that each is known to follow when all is well.
    """
    of = {measure: course for measure, course in courses.of.items() if measure != JOINT}
    if len(of) < 2:
        return []
    caused: Caused = {}
    for measure in of:
        for cause, share in _causes(detector, courses, of, measure, followed):
            if _root(cause, caused) != measure:
                caused[measure] = cause, share
                break
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
        lag = courses.onset.lead(first, measure)
        if lag is None:
            lag = (of[measure].began - of[first].began) // detector.interval
        if measure == first:
            effects = [share for m, (_, share) in caused.items() if _root(m, caused) == first]
            # That a ratio follows says nothing against others that may have begun it at the same time.
            alone = all(of[m].began > of[first].began for m in likely if m != first)
            known = [share for share in effects if share is not None]
            role: Role = "cause" if known or (alone and effects) else "related"
            told.append(Relation(measure, role, round(sum(known) / len(known)) if known else None))
        elif _root(measure, caused) == first:
            told.append(Relation(measure, "effect", caused[measure][1], lag))
        else:
            told.append(Relation(measure, "related", None, lag))
    return told


def _root(measure: str, caused: Caused) -> str:
    while measure in caused:
        measure = caused[measure][0]
    return measure


def _causes(
    detector: Detector,
    courses: Courses,
    of: Mapping[str, Course],
    measure: str,
    followed: Mapping[str, Sequence[str]],
) -> Iterator[tuple[str, int | None]]:
    """The measures that make another one what it is, and how much of it each explains, the best first."""
    mine, parts = of[measure], _parts(detector, of, measure)
    if parts:
        # It is computed of them: what it does, they have done.
        yield max(parts, key=lambda part: of[part].clearness), None
    given, led = [], []
    for cause, theirs in of.items():
        # A ratio follows from what it is computed of: so no measure causes itself.
        if parts or cause == measure or _parts(detector, of, cause) or theirs.clearness < AS_GIVEN:
            continue
        share = round(100 * min(1.0, theirs.shift / mine.shift)) if theirs.shift * mine.shift > 0 else None
        error = (mine.error**2 + theirs.error**2) ** 0.5
        off = abs(mine.shift - theirs.shift)
        fits = off <= AS_GIVEN * error or off <= ABOUT * abs(mine.shift)
        late = theirs.began > mine.began + LATEST * detector.interval
        if (
            share is not None
            and share >= MOST
            and fits
            and not late
            and _is_before(detector, cause, measure, followed)
        ):
            given.append((off, cause, share))
        lead = courses.onset.lead(cause, measure)
        if lead is not None and not _is_before(detector, measure, cause, followed):
            led.append((-lead, cause, share))
    yield from ((cause, share) for _, cause, share in (*sorted(given), *sorted(led, key=itemgetter(0, 1))))


def _is_before(detector: Detector, cause: str, effect: str, followed: Mapping[str, Sequence[str]]) -> bool:
    """Whether one measure is known to cause another: it is declared, or, where nothing is, was learnt."""
    funnel = detector.funnel
    if cause in funnel and effect in funnel:
        return funnel.index(cause) < funnel.index(effect)
    return cause in followed.get(effect, ())


def _parts(detector: Detector, of: Mapping[str, Course], measure: str) -> list[str]:
    """What a ratio is computed of, as far as that is off as well; then the ratio causes nothing."""
    ratio = next((m.ratio for m in detector.measures if m.name == measure), None)
    return [part for part in ratio or () if part in of and of[part].shift]
