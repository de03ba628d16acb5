"""Findings for security tools: what their schemas take, and one identity from first to last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import msgspec
import pytest
from botocore.validate import ParamValidator
from ocsf.v1_5_0.events import DetectionFinding
from pydantic import BaseModel

from detectors.records import JOINT
from streams.notices import FORMS, Notice, Site, encode
from tests.streams.incidents import alert, anomaly, closed, notice, updated

STRANGE = [
    anomaly(JOINT, None, platform="web"),
    msgspec.structs.replace(anomaly(value=None), expected=None, direction="stopped"),
    anomaly("views", 1e300, **{f"d{n}": "x" * 200 for n in range(8)}),
]
ALERTS = [
    alert(),
    updated(),
    closed(),
    alert(members=STRANGE, severity=0.2, confidence=0.0, summary="x" * 3000, contributions=[]),
    alert(members=[anomaly(platform=f"p{n}") for n in range(20)], severity=100.0, confidence=1.0),
]


def told(form: Any, said: Notice) -> Any:
    (message,) = FORMS[form](said)
    return msgspec.json.decode(encode(message))


@pytest.mark.parametrize("site", [Site(), Site("https://lookalive.example", "eu-west-1", "123456789012")])
@pytest.mark.parametrize("one", ALERTS)
def test_ocsf_findings_are_as_the_published_schema_says(one: Any, site: Site) -> None:
    finding = DetectionFinding.model_validate(told("ocsf", notice(one, site=site)))
    assert finding.metadata.version == "1.5.0"
    assert {key for key in unknown(finding) if not key.startswith("unmapped.")} == set()


def unknown(part: Any, path: str = "") -> Iterator[str]:
    """The keys that the schema does not have: it takes them, and nobody reads them."""
    if isinstance(part, BaseModel):
        yield from (path + key for key in part.model_extra or ())
        for name in type(part).model_fields:
            yield from unknown(getattr(part, name), f"{path}{name}.")
    elif isinstance(part, list):
        for item in part:
            yield from unknown(item, path)


def test_an_ocsf_finding_is_created_updated_and_closed() -> None:
    findings = [told("ocsf", notice(one, alert())) for one in (alert(), updated(), closed())]
    assert [(one["activity_id"], one["type_uid"], one["status_id"], one["is_alert"]) for one in findings] == [
        (1, 200401, 1, True),
        (2, 200402, 1, True),
        (3, 200403, 4, False),
    ]
    assert len({one["finding_info"]["uid"] for one in findings}) == 1
    assert len({one["finding_info"]["created_time"] for one in findings}) == 1
    assert len({one["metadata"]["uid"] for one in findings}) == 3


def test_what_was_measured_stands_beside_what_was_expected() -> None:
    orders, views = told("ocsf", notice())["anomaly_analyses"]
    assert orders["analysis_targets"] == [{"name": "shop/orders", "type": "Measure"}]
    measured, expected = orders["anomalies"][0], orders["baselines"][0]
    assert measured["observation_parameter"] == "orders{marketplace=DE,platform=web}"
    assert (measured["observations"][0]["value"], expected["observations"][0]["value"]) == ("12", "240")
    assert views["analysis_targets"][0]["name"] == "shop/views"


@pytest.mark.parametrize(
    ("severity", "ocsf", "asff"),
    [(100, "Critical", "CRITICAL"), (89.9, "High", "HIGH"), (69.9, "Medium", "MEDIUM"), (39, "Low", "LOW"),
     (0.5, "Informational", "INFORMATIONAL")],
)  # fmt: skip
def test_severity_is_told_honestly(severity: float, ocsf: str, asff: str) -> None:
    said = notice(alert(severity=severity))
    assert told("ocsf", said)["severity"] == ocsf
    finding = told("asff", said)
    assert finding["Severity"]["Label"] == finding["FindingProviderFields"]["Severity"]["Label"] == asff
    assert finding["Severity"]["Original"] == f"{severity:.2f}"


@pytest.mark.parametrize("one", ALERTS)
def test_asff_findings_are_what_security_hub_takes(one: Any) -> None:
    finding = told("asff", notice(one))
    client = boto3.client(
        "securityhub", region_name="us-east-1", aws_access_key_id="any", aws_secret_access_key="any"
    )
    shape = client.meta.service_model.operation_model("BatchImportFindings").input_shape
    report = ParamValidator().validate({"Findings": [finding]}, shape)
    assert not report.has_errors(), report.generate_report()
    # What the user guide limits and the model does not.
    assert len(finding["Title"]) <= 256
    assert len(finding["Description"]) <= 1024
    assert 1 <= len(finding["Id"]) <= 512
    assert 1 <= len(finding["Resources"]) <= 32
    assert all(len(resource["Id"]) <= 512 for resource in finding["Resources"])
    assert all(len(k) <= 128 and len(v) <= 2048 for k, v in finding["ProductFields"].items())
    assert len(encode(finding)) < 240 * 1024


def test_a_blank_value_is_left_out_since_security_hub_takes_none() -> None:
    finding = told("asff", notice(alert(members=[anomaly(platform=" ", marketplace="", page="/")])))
    assert finding["Resources"][0]["Details"]["Other"] == {"measure": "orders", "page": "/"}


def test_an_asff_finding_keeps_its_id_and_is_archived() -> None:
    findings = [told("asff", notice(one, alert())) for one in (alert(), updated(), closed())]
    assert len({(one["Id"], one["CreatedAt"], one["Title"]) for one in findings}) == 1
    assert [one["RecordState"] for one in findings] == ["ACTIVE", "ACTIVE", "ARCHIVED"]
