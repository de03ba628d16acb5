"""The core of Lookalive: events in, alerts out, as pure calculation.

No clock, no network, no logger: time arrives in records, results are returned. Read the files in
flow order: records, config, loading, places, filters, aggregation, sketches, loop, intervals, clock,
leaves, folding, merging, closing, models, severity, silence, admission, blocks, joints,
level_changes, scorer, chunks, gathering, overlap, grouping, alerting, words, detection.
"""
