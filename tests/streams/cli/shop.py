"""The shop that commands are tried on: hourly views by platform, and one rule."""

CONFIGURATION = """
[sources.shop]
topic = "shop"
format = "json"
time = "timestamp"

[[detectors]]
name = "shop"
source = "shop"
interval = "PT1H"
dimensions = ["platform"]
measures = [{ name = "views", aggregation = "sum", field = "views" }]

[[alerts]]
name = "shop-page"
detector = "shop"
"""
