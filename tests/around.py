"""The smallest configuration, to which a part that is tried by itself can be added."""

AROUND = """
[sources.any]
topic = "any"
format = "json"
time = "time"
[[detectors]]
name = "any"
source = "any"
interval = "PT1M"
dimensions = ["platform", "marketplace"]
measures = [{ name = "events", aggregation = "count" }]
"""
