"""What is not of Lookout for Metrics, or is broken, is refused in one sentence; what is read loads."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from detectors.loading import parse
from streams.errors import LookoutError
from tests.streams.lookout.answers import alert, detector, metric_set, tables, taken_over

TEXT = st.text(min_size=1, max_size=70)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "file-0 has nothing of Lookout for Metrics in it; give a connector's params.json"),
        ("[]", "has nothing of Lookout for Metrics in it"),
        ("just words", "has nothing of Lookout for Metrics in it"),
        ('{"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}', "has nothing of Lookout for Metrics in it"),
        ('{"AnomalyDetectorName": ', "^file-0 is no JSON: "),
        ("a: [b", "^file-0 is neither JSON nor YAML: line 1: "),
        ("a: \x00", "^file-0 is neither JSON nor YAML: "),
        ("[" * 100_000, "^file-0 is nested too deeply|^file-0 is no JSON"),
        ("- " * 100_000, "^file-0 is nested too deeply"),
        (
            '{"MetricSetSummaryList": [{"MetricSetName": "sales"}]}',
            "of metric set 'sales' there is only the name",
        ),
        ('{"MetricList": "views"}', r"^file-0: metric set: Expected `array`, got `str` - at `\$.MetricList`"),
        ('{"AlertName": 5}', r"^file-0: alert: Expected `str`, got `int`"),
        ('{"AnomalyDetectorName": ["x"]}', r"^file-0: detector: Expected `str( \| null)?`, got `array`"),
        ("{1: {Type: x}, Resources: {a: [b]}}", "has nothing of Lookout for Metrics in it"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(LookoutError, match=sentence) as refused:
        taken_over(text)
    assert "\n" not in str(refused.value)
    assert str(refused.value).isprintable()


def test_yaml_of_the_command_line_of_aws_is_read_as_well() -> None:
    text = """
    AnomalyDetectorName: shop
    AnomalyDetectorConfig: {AnomalyDetectorFrequency: PT5M}
    CreationTime: '2022-01-12T18:00:00+00:00'
    """
    (made,) = tables(taken_over(text, metric_set(AnomalyDetectorArn=None, MetricSetFrequency=None)))[
        "detectors"
    ]
    assert (made["name"], made["interval"]) == ("shop", "PT5M")


def test_text_that_cannot_be_written_is_refused() -> None:
    filters = [{"Name": "d", "FilterList": [{"DimensionValue": "half"}]}]
    broken = json.dumps(metric_set(DimensionFilterList=filters)).replace("half", "\\ud800")
    with pytest.raises(LookoutError, match=r"this cannot be said in a configuration: .* surrogates"):
        taken_over(broken)


@given(
    name=TEXT,
    metrics=st.lists(TEXT, min_size=1, max_size=3),
    dimensions=st.lists(TEXT, max_size=3),
    value=TEXT,
)
def test_whatever_names_there_are_what_is_written_loads(
    name: str, metrics: list[str], dimensions: list[str], value: str
) -> None:
    filters = [{"Name": dimension, "FilterList": [{"DimensionValue": value}]} for dimension in dimensions]
    answers = (
        detector(AnomalyDetectorName=name, AnomalyDetectorDescription=value),
        metric_set(
            MetricList=[{"MetricName": metric, "AggregationFunction": "SUM"} for metric in metrics],
            DimensionList=dimensions,
            DimensionFilterList=filters,
            TimestampColumn={"ColumnName": "the time itself"},
        ),
        alert(AlertDescription=value, AlertFilters={"MetricList": metrics}),
    )
    try:
        taken = taken_over(*answers)
    except LookoutError as error:
        # A column that no record can be asked for: it is no path, or has a quote in it.
        assert str(error).startswith("this cannot be said in a configuration: ")  # noqa: PT017
        assert any(
            {".", '"', "\\"} & set(column) or not column.isprintable() or column.isdecimal()
            for column in [*metrics, *dimensions]
        )
        return
    (made,) = parse(taken.configuration).detectors
    assert set(made.where.values()) <= {value}
    columns = dict(zip(dict.fromkeys(dimensions), made.dimensions, strict=True))
    columns |= {metric: str(each.field) for metric, each in zip(metrics, made.measures, strict=True)}
    written = tables(taken)["sources"][made.source].get("fields", {})
    assert written == {field: column for column, field in columns.items() if field != column}


@given(place=st.sampled_from(["detector", "metric_set", "alert"]), key=st.integers(0, 30), value=VALUE)
def test_whatever_stands_in_an_answer_it_loads_or_is_refused_in_one_sentence(
    place: str, key: int, value: Any
) -> None:
    answers = {"detector": detector(), "metric_set": metric_set(), "alert": alert()}
    changed = answers[place]
    changed[sorted(changed)[key % len(changed)]] = value
    try:
        taken = taken_over(*map(json.dumps, answers.values()))
    except LookoutError as error:
        assert "\n" not in str(error)  # noqa: PT017
    else:
        parse(taken.configuration)
