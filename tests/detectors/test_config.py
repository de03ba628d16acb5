"""A configuration is valid or refused in one sentence that says what, where, and what to do."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from detectors.config import ConfigError, Matcher
from detectors.loading import load, parse
from detectors.records import attribute, event_type
from tests.detectors.builders import ORDERS, detector

SHOP = """
[sources.shop]
topic = "clickstream"
format = "clickstream"

[[detectors]]
name = "shop"
source = "shop"
interval = "PT5M"
dimensions = ["platform", "marketplace"]
measures = [
  { name = "views", aggregation = "count", where = { kind = "view" } },
  { name = "orders", aggregation = "count", where = { kind = ["order", "purchase"] } },
  { name = "revenue", aggregation = "sum", field = "amount" },
  { name = "conversion", ratio = ["orders", "views"] },
]

[[alerts]]
name = "page"
detector = "shop"
"""


def changed(*swaps: tuple[str, str]) -> str:
    text = SHOP
    for old, new in swaps:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def problem(text: str) -> str:
    with pytest.raises(ConfigError) as refused:
        parse(text)
    return str(refused.value)


def test_a_configuration_is_read_with_its_defaults() -> None:
    shop = parse(SHOP).detector("shop")

    assert shop.interval == timedelta(minutes=5)
    assert shop.lateness == timedelta(seconds=10)
    assert [measure.fill for measure in shop.measures] == ["zero", "zero", "zero", "gap"]
    assert [measure.name for measure in shop.additive] == ["views", "orders", "revenue"]
    assert parse(SHOP).alerts[0].severity_threshold == 70


@pytest.mark.parametrize(
    ("swap", "message"),
    [
        (('topic = "', 'topik = "'), "unknown key 'sources.shop.topik'; did you mean 'topic'?"),
        (("interval", "intervall"), "unknown key 'detectors[0].intervall'; did you mean 'interval'?"),
        (("field =", "feild ="), "unknown key 'detectors[0].measures[2].feild'; did you mean 'field'?"),
        (
            ('detector = "shop"', 'detecter = "shop"'),
            "unknown key 'alerts[0].detecter'; did you mean 'detector'",
        ),
        (("[[detectors]]", "[[detektors]]"), "unknown key 'detektors'; did you mean 'detectors'?"),
        (
            ('kind = "view"', 'kind = { prefxi = "v" }'),
            "unknown key 'detectors[0].measures[0].where.kind.prefxi'; did you mean 'prefix'?",
        ),
        (
            ('name = "page"', 'name = "page"\nzzz = 1'),
            "unknown key 'alerts[0].zzz'; known keys: name, detector",
        ),
    ],
)
def test_an_unknown_key_is_refused_with_its_path_and_the_nearest_name(
    swap: tuple[str, str], message: str
) -> None:
    assert problem(changed(swap)).startswith(f"lookalive.toml: {message}")


LINE = 'interval = "PT5M"'
RULE = 'detector = "shop"'
COUNT = 'aggregation = "count", where = { kind = "view" }'


@pytest.mark.parametrize(
    ("swap", "message"),
    [
        (('source = "shop"', 'source = "shoq"'), "detector 'shop': no source named 'shoq'; known: shop"),
        (("PT5M", "PT7S"), "detector 'shop': interval must be whole seconds and divide a day"),
        (("PT5M", "PT0.5S"), "interval must be whole seconds and divide a day"),
        (("PT5M", "P2D"), "interval must be whole seconds and divide a day"),
        (("PT5M", "PT0S"), "interval must be whole seconds and divide a day"),
        (("PT5M", "-PT5M"), "interval must be whole seconds and divide a day"),
        (("PT5M", "5 minutes"), 'durations are ISO 8601, such as "PT5M" or "P1D"'),
        ((LINE, LINE + '\nlateness = "-PT1S"'), "detector 'shop': lateness cannot be negative"),
        ((LINE, LINE + '\ntimezone = "Berlin"'), "detector 'shop': no time zone 'Berlin';"),
        (('["platform", "m', '["platform", "platform", "m'), "dimension 'platform' is given twice"),
        (('name = "orders"', 'name = "views"'), "detector 'shop': measure 'views' is given twice"),
        ((LINE, LINE + '\nlevels = [["platfrom"]]'), "level ['platfrom']: 'platfrom' is no dimension"),
        ((LINE, LINE + "\nlevels = []"), "detector 'shop': no levels, so nothing is monitored"),
        ((LINE, LINE + "\nmax_series = 3"), "detector 'shop': max_series must be at least 4"),
        ((LINE, LINE + "\nmax_series = 11\nshards = 3"), "max_series must be at least 12"),
        ((LINE, LINE + "\nshards = 0"), "Expected `int` >= 1"),
        ((LINE, LINE + '\nfunnel = ["views", "carts"]'), "funnel: no measure 'carts'; known: conversion"),
        ((", " + COUNT, ""), "detector 'shop', measure 'views': give either an aggregation or a ratio"),
        ((COUNT, COUNT + ', ratio = ["orders", "revenue"]'), "give either an aggregation or a ratio"),
        ((COUNT, COUNT + ', field = "amount"'), "'views': count reads no field; leave out field = 'amount'"),
        ((', field = "amount"', ""), "measure 'revenue': sum needs a field, such as field = \"amount\""),
        (('"orders", "views"', '"orders", "carts"'), "ratio of unknown measure 'carts'; known: orders"),
        (('"orders", "views"', '"orders", "conversion"'), "ratio of unknown measure 'conversion'"),
        (('"views"] }', '"views"], field = "amount" }'), "a ratio has no field and no where of"),
        (('"views"] }', '"views"], where = { kind = "x" } }'), "a ratio has no field and no where of"),
        (
            (COUNT, COUNT + ", breaches = [4, 3]"),
            "'views': breaches: 4 of 3 intervals cannot be off",
        ),
        ((COUNT, COUNT + ", breaches = [0, 3]"), "`detectors[0].measures[0].breaches"),
        ((COUNT, COUNT + ", upper = 5"), 'lower and upper go with model = "static"'),
        ((COUNT, COUNT + ', model = "static"'), "which needs one of them or both"),
        ((COUNT, COUNT + ', model = "static", lower = 5, upper = 5'), "lower must be less than upper"),
        ((COUNT, COUNT + ", minimum_volume = 5"), "minimum_volume is of the denominator of a ratio"),
        ((COUNT, COUNT + ", minimum_change = -1"), "`detectors[0].measures[0].minimum_change`"),
        ((COUNT, COUNT + ", minimum_change = nan"), "`detectors[0].measures[0].minimum_change`"),
        ((COUNT, COUNT + ", sensitivity = 0"), "`detectors[0].measures[0].sensitivity`"),
        ((COUNT, COUNT + ", scale = nan"), "`detectors[0].measures[0].scale`"),
        ((COUNT, COUNT + ", scale = inf"), "`detectors[0].measures[0].scale`"),
        ((COUNT, COUNT + ", scale = 0.0"), "`detectors[0].measures[0].scale`"),
        (('"view"', '{ cidr = "10.0.0.1/8" }'), "measure 'views': where.kind.cidr: 10.0.0.1/8 has host bits"),
        (('"view"', "{}"), "measure 'views': where.kind asks for nothing"),
        (('"view"', "[]"), "measure 'views': where.kind asks for nothing"),
        (
            ('"count"', '"median"'),
            "'median' - at `detectors[0].measures[0].aggregation`; expected one of count, distinct, max",
        ),
        ((RULE, 'detector = "web"'), "alert 'page': no detector named 'web'; known: shop"),
        ((RULE, RULE + '\nmeasures = ["order"]'), "'shop' has no measure 'order'; known"),
        ((RULE, RULE + '\nwhere = { kind = "x" }'), "alert 'page': 'kind' is no dimension"),
        ((RULE, RULE + "\nseverity_threshold = 101"), "`alerts[0].severity_threshold`"),
        ((RULE, RULE + "\nseverity_threshold = nan"), "`alerts[0].severity_threshold`"),
        (('topic = "', 'max_ahead = "-PT1S"\ntopic = "'), "source 'shop': max_ahead cannot be negative"),
        (
            ('topic = "', 'idle_timeout = "-PT1S"\ntopic = "'),
            "'shop': idle_timeout cannot be negative",
        ),
        (("[[alerts]]", "[[alerts]"), "lookalive.toml is not valid TOML"),
    ],
)
def test_a_contradiction_is_refused_in_a_sentence(swap: tuple[str, str], message: str) -> None:
    assert message in problem(changed(swap))


def test_two_detectors_or_alerts_of_one_name_are_refused() -> None:
    head, alert = SHOP.split("[[alerts]]")
    twice = head[head.index("[[detectors]]") :]

    assert "detector 'shop' is given twice; names must differ" in problem(SHOP + twice)
    assert "alert 'page' is given twice; names must differ" in problem(SHOP + "[[alerts]]" + alert)


def test_a_field_that_an_event_has_for_itself_is_refused() -> None:
    text = changed(('"platform"', '"event_time"'))

    assert "source 'shop': no field may be called 'event_time'; rename it" in problem(text)


def test_a_field_may_be_called_what_python_has_for_itself() -> None:
    Record: Any = event_type(["__class__", "__init__"])
    record = Record(0, "first", "second")
    assert [getattr(record, attribute(field)) for field in ("__class__", "__init__")] == ["first", "second"]


@pytest.mark.parametrize("other", ["geo-country", "geo__country"])
def test_fields_that_would_be_one_attribute_are_refused(other: str) -> None:
    text = changed(('"platform", "marketplace"', '"geo.country"'), ("amount", other))
    first, second = sorted(["geo.country", other])

    assert f"fields '{first}' and '{second}' cannot be told apart; rename one" in problem(text)


def test_fields_of_different_sources_may_look_alike() -> None:
    waf = """
    [sources.waf]
    topic = "waf"
    format = "aws-waf"
    [[detectors]]
    name = "waf"
    source = "waf"
    interval = "PT1M"
    dimensions = ["market-place"]
    measures = [{ name = "requests", aggregation = "count" }]
    """

    assert parse(waf + changed(("marketplace", "market.place"))).detector("waf").dimensions == (
        "market-place",
    )


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the configuration .*none\.toml: No such file"):
        load(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes("# Grüße".encode("latin-1"))
    with pytest.raises(ConfigError, match="no UTF-8 text"):
        load(tmp_path / "latin.toml")


def test_the_message_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(changed(("PT5M", "PT7S")))

    with pytest.raises(ConfigError, match=r"mine\.toml: detector 'shop'"):
        load(path)


@pytest.mark.parametrize(
    ("levels", "monitored"),
    [
        (("total",), [(False, False)]),
        (("each",), [(True, False), (False, True)]),
        (("leaves", "total"), [(False, False), (True, True)]),
        ((["marketplace"], "total"), [(False, False), (False, True)]),
        (("total", "each", "leaves"), [(False, False), (True, False), (False, True), (True, True)]),
    ],
)
def test_levels_say_which_roll_ups_are_monitored(levels: Any, monitored: list[Any]) -> None:
    assert detector(dimensions=("platform", "marketplace"), levels=levels).monitored == monitored


def test_leaves_are_computed_though_only_the_total_is_monitored() -> None:
    total = detector(dimensions=("platform", "marketplace"), levels=("total",))

    assert total.subsets == [(False, False), (True, True)]


def test_without_dimensions_the_total_is_the_leaf() -> None:
    assert detector().subsets == detector().monitored == [()]


def test_a_fingerprint_is_the_same_in_every_process() -> None:
    # Stored state is thrown away where it differs: a change of this value is a migration.
    assert detector().fingerprint == "41893b16239c056e"


@pytest.mark.parametrize(
    "change",
    [
        {"interval": timedelta(minutes=5)},
        {"lateness": timedelta(seconds=1)},
        {"dimensions": ("platform",)},
        {"timezone": "Europe/Berlin"},
        {"shards": 2},
        {"where": {"platform": Matcher(excluded="bot")}},
        {"measures": [ORDERS, msgspec.structs.replace(ORDERS, name="views")]},
    ],
)
def test_a_fingerprint_changes_with_what_changes_results(change: dict[str, Any]) -> None:
    assert detector(**change).fingerprint != detector().fingerprint


@pytest.mark.parametrize(
    "change",
    [
        {"funnel": ["orders"]},
        {"forget_after": timedelta(days=2)},
        {"measures": [msgspec.structs.replace(ORDERS, missing="ignore")]},
    ],
)
def test_a_fingerprint_stays_where_only_the_judgement_changes(change: dict[str, Any]) -> None:
    assert detector(**change).fingerprint == detector().fingerprint


def test_the_order_of_conditions_is_no_change() -> None:
    one = detector(where={"platform": "web", "kind": "order"})
    other = detector(where={"kind": "order", "platform": "web"})

    assert one.fingerprint == other.fingerprint


def test_the_fields_that_are_read_and_which_must_be_numbers() -> None:
    assert parse(SHOP).fields_of("shop") == {
        "platform": "any",
        "marketplace": "any",
        "kind": "any",
        "amount": "number",
    }


def test_a_field_that_is_counted_and_summed_must_be_a_number() -> None:
    text = changed(
        (
            'name = "views", aggregation = "count"',
            'name = "views", aggregation = "distinct", field = "amount"',
        )
    )

    assert parse(text).fields_of("shop")["amount"] == "number"


def test_every_field_name_that_is_accepted_can_be_read() -> None:
    Record = event_type(["geo.country", "class", "_x", "a-b"])

    assert Record(event_time=0, geo__country="DE").geo__country == "DE"  # type: ignore[call-arg,attr-defined]
