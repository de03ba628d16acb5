"""What CloudWatch and Prometheus can give to a detector, and what is refused when a file is loaded."""

from __future__ import annotations

import pytest

from detectors.config import ConfigError
from detectors.crawled_metrics import places_of
from detectors.loading import parse
from detectors.sources import CloudWatch

APP = """
[sources.app]
type = "cloudwatch"
namespace = "App"
metrics = { Orders = "Sum", "4XX.Error" = "Average" }
where = { "Cluster Name" = "main" }

[[detectors]]
name = "app"
source = "app"
interval = "PT5M"
dimensions = ["Shop"]
where = { Stage = "live" }
measures = [
  { name = "orders", aggregation = "sum", field = "Orders" },
  { name = "errors", aggregation = "mean", field = "_4XX_Error", where = { Orders = 1, Till = "1" } },
  { name = "clerks", aggregation = "distinct", field = "Clerk" },
  { name = "rows", aggregation = "count" },
  { name = "share", ratio = ["orders", "rows"] },
]
"""


def test_all_that_is_read_and_is_no_number_says_where() -> None:
    config = parse(APP)
    source = config.sources["app"]
    assert isinstance(source, CloudWatch)
    assert places_of(source, config.detectors[0]) == {"Shop", "Stage", "Till", "Clerk", "Cluster_Name"}


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"PT5M"', '"PT30S"', "detector 'app': source 'app': CloudWatch counts in whole minutes"),
        ('"PT5M"', '"PT90S"', "CloudWatch counts in whole minutes"),
        (
            '"Orders" }',
            '"Ordres" }',
            "measure 'orders': source 'app' gives no field 'Ordres'; known: Orders, _4",
        ),
        ('["Shop"]', '["Shop", "a.b"]', "source 'app' gives no field 'a.b': there it is called 'a_b'"),
        ('Orders = "Sum"', 'Orders = "Sum", "4XX Error" = "Sum"', "two fields called '_4XX_Error'"),
    ],
)
def test_what_a_source_cannot_give_is_refused(old: str, new: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse(APP.replace(old, new))


@pytest.mark.parametrize(("interval", "days"), [("PT1M", 15), ("PT5M", 63), ("PT30M", 63), ("P1D", 455)])
def test_history_goes_as_far_back_as_cloudwatch_keeps_such_intervals(interval: str, days: int) -> None:
    text = APP.replace('"PT5M"', f'"{interval}"')
    parse(text.replace('"App"', f'"App"\nhistory = "P{days}D"'))
    with pytest.raises(ConfigError, match=f'for {days} days; let history be "P{days}D" at most'):
        parse(text.replace('"App"', f'"App"\nhistory = "P{days + 1}D"'))
