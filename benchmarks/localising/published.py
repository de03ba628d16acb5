"""Published methods, as they are described and with the settings that are given there: one interval, no past.

Adtributor: Bhagwan et al., NSDI 2014. Squeeze: Li et al., ISSRE 2019, with its clusters from a histogram
and its threshold from the bend of how errors are distributed. RiskLoc: Kalander, 2022.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from benchmarks.localising.snapshots import Element
from detectors.localisation_levels import Level, Levels, Numbers

Method = Callable[[Levels, Numbers, Numbers], set[Element]]
Mask = NDArray[np.bool_]

#: Of Adtributor: what a value and a dimension must explain.
VALUE_EXPLAINS, DIMENSION_EXPLAINS = 0.1, 0.67
#: Of RiskLoc: extreme deviations that are not trusted, the risk of an element, and what it must explain.
EXTREMES, RISK, EXPLAINS = 5, 0.5, 0.02
#: Of Squeeze: deviations that are normal, elements of a cluster, and a score that is good enough.
NORMAL, MOST_ELEMENTS, GOOD = 0.2, 12, 0.9


def adtributor(levels: Levels, actual: Numbers, expected: Numbers) -> set[Element]:
    """The values of one dimension: that whose shares have shifted in the most surprising way."""
    change = actual.sum() - expected.sum()
    best, most = set[Element](), -1.0
    for level in levels.singles:
        came, meant = level.sums(actual), level.sums(expected)
        explains = (came - meant) / (change or 1.0)
        surprise = _divergence(meant / meant.sum(), came / max(1e-12, came.sum()))
        chosen: list[int] = []
        for value in np.argsort(-surprise):
            if explains[value] > VALUE_EXPLAINS:
                chosen.append(int(value))
            if explains[chosen].sum() > DIMENSION_EXPLAINS:
                if surprise[chosen].sum() > most:
                    best, most = (
                        {((level.dimensions[0], v),) for v in chosen},
                        float(surprise[chosen].sum()),
                    )
                break
    return best


def riskloc(levels: Levels, actual: Numbers, expected: Numbers) -> set[Element]:
    """Leaves in two by their deviation, then the places in which the deviating ones weigh most."""
    deviation = _deviation(actual, expected)
    distinct = np.unique(deviation)
    low = distinct[min(EXTREMES, len(distinct) - 1)]
    high = distinct[max(-EXTREMES - 1, -len(distinct))]
    cut = -min(low, high, key=abs)
    is_off = deviation > cut if cut >= 0 else deviation < cut
    weight = np.minimum(np.where(is_off, np.abs(deviation), np.abs(cut - deviation)), 1.0)
    weight[(actual == 0) & (expected == 0)] = 0
    explains = (actual - expected) / ((actual - expected).sum() or 1.0)
    if explains[is_off].sum() < 0:
        explains = -explains
    least = EXPLAINS * explains[is_off].sum()
    left = np.ones(len(actual), bool)
    found = set[Element]()
    while explains[is_off & left].sum() >= least:
        place = _riskiest(levels, actual, expected, deviation, is_off, weight, explains, left, least)
        if place is None:
            break
        level, number = place
        found.add(_element(levels, level, number))
        left &= level.of_leaf != number
    return found


def _riskiest(
    levels: Levels,
    actual: Numbers,
    expected: Numbers,
    deviation: Numbers,
    is_off: Mask,
    weight: Numbers,
    explains: Numbers,
    left: Mask,
    least: float,
) -> tuple[Level, int] | None:
    best, depth = None, 0
    for level in levels:
        if best is not None and len(level.dimensions) > depth:
            return best
        depth = len(level.dimensions)
        powers = level.sums(np.where(left, explains, 0.0))
        is_in = level.sums((is_off & left).astype(float)) > 0
        for number in np.argsort(-powers):
            if powers[number] <= least:
                break
            leaves = left & (level.of_leaf == number)
            if not is_in[number] or _risk(actual, expected, deviation, is_off, weight, leaves) < RISK:
                continue
            best, least = (level, int(number)), powers[number]
            break
    return best


def _risk(
    actual: Numbers, expected: Numbers, deviation: Numbers, is_off: Mask, weight: Numbers, leaves: Mask
) -> float:
    """How much of a place is off, less how badly its leaves fit together."""
    off, well = weight[leaves & is_off].sum(), weight[leaves & ~is_off].sum() + 1
    leaves = leaves & (actual != 0) & (expected != 0)
    if not leaves.any():
        return float(off / (off + well))
    alike = expected[leaves] * actual[leaves].sum() / expected[leaves].sum()
    strays = np.abs(_deviation(actual[leaves], alike)).mean()
    usual = np.abs(deviation[leaves]).mean()
    return float(off / (off + well) - (strays / usual if usual else 0.0))


def squeeze(levels: Levels, actual: Numbers, expected: Numbers) -> set[Element]:
    """Clusters of leaves that deviate alike, and for each the places that it fills best."""
    deviation = _deviation(actual, expected)
    clusters = _clusters(deviation, _far_off(np.abs(actual - expected)))
    if not clusters:
        return set()
    abnormal = np.concatenate([np.flatnonzero(cluster) for cluster in clusters])
    normal = np.abs(deviation) < np.abs(deviation[abnormal]).min()
    values = sum(level.count for level in levels.singles)
    weight = np.log(len(clusters) + 1) / len(clusters) * values / np.log(values + 1)
    weight *= -np.log(min(1.0, len(abnormal) / len(actual)))
    return set().union(*(_filled(levels, actual, expected, one, normal, weight) for one in clusters))


def _far_off(change: Numbers) -> Mask:
    """The leaves beyond the bend of the distribution of changes."""
    order = np.sort(change)
    span = order[-1] - order[0]
    if span == 0:
        return np.zeros(len(change), bool)
    bend = np.argmax(np.arange(1, len(order) + 1) / len(order) - (order - order[0]) / span)
    return np.asarray(change > order[bend])


def _clusters(deviation: Numbers, kept: Mask) -> list[Mask]:
    if kept.sum() < 2:
        return []
    edges = np.histogram_bin_edges(deviation[kept], "auto")
    margin = 0.1 * np.arange(1, 6)
    edges = np.concatenate([edges[0] - margin[::-1], edges, edges[-1] + margin])
    density, _ = np.histogram(deviation[kept], edges, density=True)
    width = max(1, int((density > 0).sum()) // 10)
    if width > 1:
        density = np.concatenate(
            [density[: width - 1], np.convolve(density, np.ones(width) / width, "valid")]
        )
    middles = (edges[1:] + edges[:-1]) / 2
    before, after = np.roll(density, 1), np.roll(density, -1)
    bounds = np.concatenate([[-np.inf], middles[(density <= before) & (density <= after)], [np.inf]])
    found = []
    for peak in np.flatnonzero((density > before) & (density > after)):
        at = np.searchsorted(bounds, middles[peak])
        members = kept & (deviation >= bounds[at - 1]) & (deviation <= bounds[at])
        if members.any() and np.abs(deviation[members]).mean() >= NORMAL:
            within = deviation[members]
            found.append((deviation >= within.min()) & (deviation <= within.max()))
    return found


def _filled(
    levels: Levels, actual: Numbers, expected: Numbers, cluster: Mask, normal: Mask, weight: float
) -> set[Element]:
    """The places of one level that tell the leaves of a cluster best from those that are normal."""
    best, most, depth = set[Element](), -np.inf, 0
    is_good = False
    for level in levels:
        if is_good and len(level.dimensions) > depth:
            break
        depth = len(level.dimensions)
        filled = level.sums(cluster.astype(float)) / np.maximum(level.sums(np.ones(len(actual))), 1)
        order = np.argsort(-filled)[: min(MOST_ELEMENTS, int((filled > 0).sum()), level.count - 1)]
        for some in range(1, len(order) + 1):
            chosen = np.isin(level.of_leaf, order[:some])
            score = _potential(actual, expected, chosen & (cluster | normal), ~chosen & (cluster | normal))
            is_good |= score > GOOD
            rank = score * weight - some * depth
            if rank > most:
                best, most = {_element(levels, level, int(n)) for n in order[:some]}, rank
    return best


def _potential(actual: Numbers, expected: Numbers, chosen: Mask, others: Mask) -> float:
    """How much better it fits if the chosen changed alike and the others not at all."""
    total = expected[chosen].sum()
    if total == 0:
        return -np.inf
    alike = expected[chosen] * actual[chosen].sum() / total
    rest = np.abs(actual[others] - expected[others]).mean() if others.any() else 0.0
    plain = np.abs(actual[chosen] - expected[chosen]).mean() + rest
    return float(1 - (np.abs(actual[chosen] - alike).mean() + rest) / plain) if plain else -np.inf


def _deviation(actual: Numbers, expected: Numbers) -> Numbers:
    whole = actual + expected
    return np.divide(2 * (expected - actual), whole, np.zeros_like(whole), where=whole != 0)


def _divergence(meant: Numbers, came: Numbers) -> Numbers:
    middle = np.maximum((meant + came) / 2, 1e-300)
    parts = (p * np.log(np.maximum(p, 1e-300) / middle) for p in (meant, came))
    return np.asarray(sum(parts)) / 2


def _element(levels: Levels, level: Level, number: int) -> Element:
    leaf = int((level.of_leaf == number).argmax())
    return tuple((n, int(levels.codes[leaf, n])) for n in level.dimensions)


PUBLISHED: dict[str, Method] = {"RiskLoc": riskloc, "Squeeze": squeeze, "Adtributor": adtributor}
