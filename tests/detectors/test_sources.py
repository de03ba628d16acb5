"""What a source that is crawled cannot be, each said in a sentence when the configuration is read."""

from __future__ import annotations

import pytest

from detectors.config import ConfigError
from detectors.loading import parse

CONFIG = """
[sources.orders]
type = "sql"
url = "env:SHOP_DATABASE"
time = "ts"
{lines}

[[detectors]]
name = "shop"
source = "orders"
interval = "PT1H"
measures = [{{ name = "orders", aggregation = "count" }}]
"""
QUERY = 'query = "SELECT ts FROM orders WHERE ts >= :interval_start AND ts < :interval_end"'


def test_a_query_with_both_borders_can_be_used() -> None:
    assert list(parse(CONFIG.format(lines=QUERY)).crawled) == ["orders"]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (f'{QUERY}\ntimezone = "Europe/Bonn"', "source 'orders': no time zone 'Europe/Bonn'"),
        (f'{QUERY}\ntimeout = "PT0S"', "source 'orders': timeout must be above zero"),
        ('query = "SELECT ts FROM orders WHERE ts >= :interval_start"', "it has no :interval_end"),
    ],
)
def test_what_cannot_be_is_told(lines: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        parse(CONFIG.format(lines=lines))
