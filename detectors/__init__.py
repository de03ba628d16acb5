"""The core of Lookalive: events in, alerts out, as pure calculation.

No clock, no network, no logger: time arrives in records, results are returned. Read the files in
flow order: records, config, places, filters, aggregation, intervals, folding, closing, models, severity,
silence, joints, scorer, grouping, alerting, detection.
"""
