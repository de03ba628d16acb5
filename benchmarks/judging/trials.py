"""The trials that a contestant goes through, each for itself: streams, shop, NAB, promise, cost.

The same protocol for all: one threshold for everything, once the default of the product and once the one
that is best where thresholds are chosen, and never on what is reported.
"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.judging import calibration, costs, ecommerce, forests, nab, peers, running
from benchmarks.judging.calibration import Kept
from benchmarks.judging.costs import Cost
from benchmarks.judging.episodes import DEFAULT, Scored, Tally, judge, openings, together
from benchmarks.judging.peers import PEERS, Promise
from benchmarks.judging.results import Found, Nab, Streams, best, found, kinds
from benchmarks.judging.streams import TUNING, Stream, streams
from detectors.models import MODELS

#: Thresholds that are tried.
THRESHOLDS = (30.0, 35.0, 40.0, 45.0, 50.0, 55.0, 60.0, 63.5, 65.0, DEFAULT, 75.0, 80.0, 85.0, 90.0)
#: Thresholds are chosen on the streams of this seed, and peers learn there what their scores promise.
CHOSEN_ON = TUNING[:1]

Families = Sequence[str]


def on_streams(name: str, seeds: Sequence[int], families: Families) -> Streams:
    """On labelled streams of some families."""
    return _judged(name, _made(CHOSEN_ON, families), _made(seeds, families))


def on_ecommerce(name: str) -> Streams:
    """On the e-commerce set: a threshold is chosen on its first part, and the rest is judged."""
    return _judged(name, ecommerce.tuning(), ecommerce.reported())


def on_nab(name: str) -> Nab:
    """On the tuning half of NAB."""
    files = nab.load()
    scores = [nab.held(said.severity) for said in _scored(name, [file.stream() for file in files])]
    standard, low_fp, low_fn = (nab.best(files, scores, profile) for profile in nab.PROFILES)
    default = nab.at_threshold(files, scores, "standard", DEFAULT).score if name in MODELS else None
    return Nab(standard.score, low_fp.score, low_fn.score, standard.found, standard.windows, default)


def on_promise(name: str, seeds: Sequence[int], families: Families) -> list[Kept]:
    """On streams without faults."""
    return list(calibration.calibrate(MODELS[name], seeds, families))


def cost(name: str) -> Cost:
    """What it costs."""
    if name == forests.NAME:
        return costs.of_forests()
    return costs.of_model(MODELS[name]) if name in MODELS else costs.of_peer(PEERS[name])


def _made(seeds: Sequence[int], families: Families) -> list[Stream]:
    return [stream for family in families for seed in seeds for stream in streams(family, seed)]


def _scored(name: str, on: Sequence[Stream]) -> list[Scored]:
    if name == forests.NAME:
        return forests.run(on)
    return running.run(MODELS[name], on) if name in MODELS else peers.run(PEERS[name], on)


def _judged(name: str, chosen_on: Sequence[Stream], on: Sequence[Stream]) -> Streams:
    chosen, scored = _scored(name, chosen_on), _scored(name, on)
    if name not in MODELS:
        promise = Promise(chosen_on, chosen)
        chosen, scored = [[promise.severity(said) for said in part] for part in (chosen, scored)]
    tuned = best([(threshold, together(_tallies(chosen_on, chosen, threshold))) for threshold in THRESHOLDS])
    by_threshold = {threshold: _tallies(on, scored, threshold) for threshold in THRESHOLDS}
    everything = {threshold: together(tallies) for threshold, tallies in by_threshold.items()}
    return Streams(
        default=found(DEFAULT, everything[DEFAULT]),
        tuned=found(tuned, everything[tuned]),
        by_family=_by_family(on, by_threshold[DEFAULT]),
        by_kind=kinds(everything[DEFAULT]),
        by_threshold=[found(threshold, tally) for threshold, tally in everything.items()],
    )


def _tallies(on: Sequence[Stream], scored: Sequence[Scored], threshold: float) -> list[Tally]:
    return [
        judge(s, openings(s.value, said, threshold, s.interval_seconds))
        for s, said in zip(on, scored, strict=True)
    ]


def _by_family(on: Sequence[Stream], tallies: Sequence[Tally]) -> dict[str, Found]:
    families = dict.fromkeys(stream.family for stream in on)
    return {
        family: found(DEFAULT, together(t for s, t in zip(on, tallies, strict=True) if s.family == family))
        for family in families
    }
