"""What a user of Amazon Lookout for Metrics has → a configuration, and what is to be said about it.

In flow order: `reading` tells files apart, `cloudformation` and `connector` bring them into the `shapes` of
the service, `joining` finds what belongs together, `metric_sets`, `metric_sources` and `alerts` make tables
of it, `writing` makes TOML that loads.
"""

from __future__ import annotations

from streams.lookout.reading import Document
from streams.lookout.remarks import KINDS, Remark
from streams.lookout.taking_over import TakenOver, take_over

__all__ = ["KINDS", "Document", "Remark", "TakenOver", "take_over"]
