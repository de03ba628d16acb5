"""Scores of robust random cut forests: a line of JSON in for each series, its values; a line out, its scores.

Fewer and smaller trees than in its own examples, which are five times as much work and more.
"""

import json
import sys
from collections import deque

import numpy as np
import rrcf

TREES, TREE_POINTS, SHINGLE = 8, 128, 4


def scores(values):
    """Mean collusive displacement of the last few values, a number a value."""
    forest = [rrcf.RCTree(random_state=seed) for seed in range(TREES)]
    recent = deque(maxlen=SHINGLE)
    for index, value in enumerate(values):
        recent.append(value)
        if len(recent) < SHINGLE:
            yield 0.0
            continue
        point, total = np.array(recent), 0.0
        for tree in forest:
            if len(tree.leaves) == TREE_POINTS:
                tree.forget_point(index - TREE_POINTS)
            tree.insert_point(point, index=index)
            total += tree.codisp(index)
        yield total / TREES


for line in sys.stdin:
    print(json.dumps(list(scores(json.loads(line)))), flush=True)
