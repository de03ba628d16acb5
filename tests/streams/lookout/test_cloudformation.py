"""Templates of CloudFormation are read as far as they can be without deploying them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from streams.errors import LookoutError
from streams.lookout.cloudformation import Template
from streams.lookout.yaml_files import read_yaml
from tests.streams.lookout.answers import said, tables, taken_over

TEMPLATE = """
AWSTemplateFormatVersion: 2010-09-09
Description: The shop's detector
Parameters:
  Frequency: {Type: String, Default: PT1H}
  Delay: {Type: Number, Default: "300"}
  DataBucket: {Type: String}
Conditions:
  Loud: !Equals [!Ref Frequency, PT1H]
Resources:
  Topic:
    Type: AWS::SNS::Topic
  Role:
    Type: AWS::IAM::Role
    Properties: {RoleName: !Join ["-", [!Ref "AWS::StackName", role]]}
  Detector:
    Type: AWS::LookoutMetrics::AnomalyDetector
    Properties:
      AnomalyDetectorName: !Sub "${AWS::StackName}-shop"
      AnomalyDetectorConfig:
        AnomalyDetectorFrequency: !Ref Frequency
      MetricSetList:
        - MetricSetName: sales
          Offset: !Ref Delay
          MetricList:
            - MetricName: views
              AggregationFunction: SUM
          DimensionList: [platform]
          TimestampColumn: {ColumnName: timestamp, ColumnFormat: "yyyy-MM-dd HH:mm:ss"}
          Timezone: !If [Loud, UTC, !Ref "AWS::NoValue"]
          MetricSource:
            S3SourceConfig:
              RoleArn: !GetAtt Role.Arn
              TemplatedPathList:
                - !Sub "s3://${DataBucket}/live/{{yyyyMMdd}}/{{HHmm}}"
              FileFormatDescriptor:
                JsonFormatDescriptor: {Charset: UTF-8, FileCompression: NONE}
  Alert:
    Type: AWS::LookoutMetrics::Alert
    Properties:
      AlertSensitivityThreshold: 70
      AnomalyDetectorArn: !GetAtt Detector.Arn
      Action:
        SNSConfiguration:
          RoleArn: !GetAtt Role.Arn
          SnsTopicArn: !Ref Topic
"""


def test_a_template_becomes_a_configuration() -> None:
    written = tables(taken_over(TEMPLATE))
    # The name of the stack is not known: the logical id stands for it.
    assert [each["name"] for each in written["detectors"]] == ["Detector"]
    source = written["sources"]["Detector"]
    assert (source["path"], source["delay"]) == ("s3://REPLACE-DataBucket/live/{date}/{time}", "PT5M")
    assert [(rule["name"], rule["severity_threshold"], rule["sinks"]) for rule in written["alerts"]] == [
        ("Alert", 70, ["Topic"])
    ]
    assert written["sinks"]["Topic"]["topic"] == "arn:aws:sns:REPLACE-region:REPLACE-account:REPLACE-Topic"


def test_what_only_the_deployed_stack_knows_is_still_to_do_where_it_stands() -> None:
    taken = taken_over(TEMPLATE)
    assert said(taken, "to do").splitlines() == [
        "sources.Detector: put what the deployed stack has for DataBucket in the place of REPLACE-DataBucket",
        "sinks.Topic: put its own value in the place of REPLACE-region",
        "sinks.Topic: put its own value in the place of REPLACE-account",
        "sinks.Topic: put what the deployed stack has for Topic in the place of REPLACE-Topic",
    ]
    assert "# To do: put what the deployed stack has for DataBucket" in taken.configuration
    changed = said(taken, "changed")
    assert "file-0: AnomalyDetectorName is REPLACE-AWS-StackName-shop" in changed
    assert "file-0: condition Loud was taken to hold" in changed


def test_json_says_the_same_as_yaml() -> None:
    document = read_yaml(TEMPLATE, "template.yaml")
    assert taken_over(json.dumps(document, default=str)) == taken_over(TEMPLATE)


@pytest.mark.parametrize("key", ["Offset", "Timezone", "MetricSetFrequency"])
def test_a_placeholder_does_not_stand_where_it_cannot(key: str) -> None:
    document = read_yaml(TEMPLATE, "template.yaml")
    properties = document["Resources"]["Detector"]["Properties"]
    properties["MetricSetList"][0][key] = {"Ref": "Unknown"}
    taken = taken_over(json.dumps(document, default=str))
    assert f"file-0: {key} is REPLACE-Unknown, which only the deployed stack knows" in said(taken, "to do")
    assert "REPLACE-Unknown" not in taken.configuration


@pytest.mark.parametrize(
    ("value", "resolved"),
    [
        ({"Ref": "Bucket"}, "shop"),
        ({"Ref": "Names"}, ["a", "b"]),
        ({"Ref": "AWS::Partition"}, "aws"),
        ({"Ref": "AWS::Region"}, "REPLACE-AWS-Region"),
        ({"Ref": "Stored"}, "REPLACE-Stored"),
        ({"Fn::Sub": "s3://${Bucket}/${!Literal}/${Role.Arn}"}, "s3://shop/${Literal}/REPLACE-Role"),
        ({"Fn::Sub": ["${a}-${Bucket}", {"a": {"Ref": "Bucket"}}]}, "shop-shop"),
        ({"Fn::Join": ["/", ["a", {"Ref": "Bucket"}]]}, "a/shop"),
        ({"Fn::Select": ["1", {"Fn::Split": [",", "a,b"]}]}, "b"),
        ({"Fn::Select": ["5", ["a"]]}, "REPLACE-Select"),
        ({"Fn::FindInMap": ["Map", "one", "two"]}, 3),
        ({"Fn::FindInMap": ["Map", {"Ref": "AWS::Region"}, "two"]}, "REPLACE-Map"),
        ({"Fn::GetAtt": ["Queue", "QueueName"]}, "REPLACE-Queue-QueueName"),
        ({"Fn::GetAtt": "Role.Arn"}, "REPLACE-Role"),
        ({"Fn::ImportValue": "other:bucket"}, "REPLACE-other-bucket"),
        ({"Fn::If": ["Some", {"Ref": "AWS::NoValue"}, "b"]}, "b"),
        ([1, {"Ref": "AWS::NoValue"}], [1]),
    ],
)
def test_functions_are_resolved_where_they_can_be(value: Any, resolved: Any) -> None:
    template = Template(
        {
            "Parameters": {
                "Bucket": {"Type": "String", "Default": "shop"},
                "Names": {"Type": "CommaDelimitedList", "Default": "a,b"},
                "Stored": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/path"},
            },
            "Mappings": {"Map": {"one": {"two": 3}}},
            "Resources": {"X": {"Type": "AWS::LookoutMetrics::Alert", "Properties": {"it": value}}},
        }
    )
    assert template.properties("AWS::LookoutMetrics::Alert") == {"X": {"it": resolved}}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("!Ref A", {"Ref": "A"}),
        ("!GetAtt A.B.C", {"Fn::GetAtt": ["A", "B.C"]}),
        ("!Sub [x, {y: !Ref Z}]", {"Fn::Sub": ["x", {"y": {"Ref": "Z"}}]}),
        ("!Transform {Name: x}", {"Fn::Transform": {"Name": "x"}}),
        ("!Condition A", {"Condition": "A"}),
    ],
)
def test_short_tags_stand_for_functions(text: str, value: Any) -> None:
    assert read_yaml(text, "template.yaml") == value


def test_an_alias_is_refused() -> None:
    bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n"
    with pytest.raises(LookoutError, match=r"^template\.yaml is neither JSON nor YAML: line 2: an alias"):
        read_yaml(bomb, "template.yaml")


def test_a_template_makes_no_objects() -> None:
    with pytest.raises(LookoutError, match="could not determine a constructor for the tag"):
        read_yaml("!!python/object/apply:os.system [ls]", "template.yaml")
