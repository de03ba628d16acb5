"""What was found in all files → which metric sets and alerts are of which detector, by their ARNs."""

from __future__ import annotations

from dataclasses import dataclass, field

import msgspec

from detectors.words import plain
from streams.errors import LookoutError
from streams.lookout.reading import Found
from streams.lookout.remarks import Remark
from streams.lookout.shapes import Alert, AnomalyDetector, Metric, MetricSet


@dataclass
class Joined:
    """A detector of the service with all that is its own."""

    name: str
    detector: AnomalyDetector
    metric_sets: list[MetricSet] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)


def join(found: Found) -> list[Joined]:
    """The detectors that measure something, each with its metric sets and alerts.

    Raises:
        LookoutError: there is none, or it cannot be said of which detector something is.
    """
    joined: dict[str, Joined] = {}
    for detector in found.detectors:
        key = detector.anomaly_detector_arn or f"name:{detector.anomaly_detector_name}"
        # The same one may be in what was listed, with less said of it, and in what was described.
        known = joined.get(key)
        if known is None or detector.anomaly_detector_config.anomaly_detector_frequency:
            joined[key] = Joined(_name(detector), detector)
    for key, each in joined.items():
        each.metric_sets += [_owned(measured, key) for measured in each.detector.metric_set_list or ()]
    for measured in found.metric_sets:
        arn = measured.anomaly_detector_arn
        owner = _owner(joined, arn) or _unseen(joined, measured)
        owner.metric_sets.append(measured)
    for alert in _distinct(found.alerts):
        owner_of_alert = _owner(joined, alert.anomaly_detector_arn)
        if owner_of_alert is None:
            arn = plain(alert.anomaly_detector_arn or "no detector", 200)
            says = f"is of {arn}, which is in none of the files: left out"
            found.remarks.append(Remark("to do", f"alert {plain(alert.alert_name)}", says))
        else:
            owner_of_alert.alerts.append(alert)
    for each in joined.values():
        each.metric_sets = [part for measured in each.metric_sets for part in _by_namespace(measured, found)]
        if not each.metric_sets:
            says = "has no metric set in these files, and is left out; give what DescribeMetricSet says"
            found.remarks.append(Remark("to do", f"detector {plain(each.name)}", says))
    measuring = [each for each in joined.values() if each.metric_sets]
    if not measuring:
        message = "no metric set is in these files, so nothing to detect; give what DescribeMetricSet says"
        raise LookoutError(message)
    return measuring


def _name(detector: AnomalyDetector) -> str:
    return detector.anomaly_detector_name or _tail(detector.anomaly_detector_arn) or "detector"


def _tail(arn: str | None) -> str:
    return (arn or "").rpartition(":")[2]


def _owned(measured: MetricSet, arn: str) -> MetricSet:
    arn = measured.anomaly_detector_arn or arn
    return msgspec.structs.replace(measured, anomaly_detector_arn=arn)


def _owner(joined: dict[str, Joined], arn: str | None) -> Joined | None:
    """The detector of an ARN; without one, or where the only detector has none, that one."""
    if arn in joined:
        return joined[arn]
    alone = next(iter(joined.values())) if len(joined) == 1 else None
    if alone is not None and (arn is None or alone.detector.anomaly_detector_arn is None):
        return alone
    # What a template or a description calls by its name alone.
    return next((each for each in joined.values() if arn and each.name == _tail(arn)), None)


def _unseen(joined: dict[str, Joined], measured: MetricSet) -> Joined:
    """A detector of which nothing is known but a metric set."""
    arn = measured.anomaly_detector_arn
    if arn is None and joined:
        name = plain(measured.metric_set_name or "?")
        message = (
            f"metric set {name!r} does not say of which detector it is, and there are {len(joined)} of them"
        )
        raise LookoutError(message)
    name = _tail(arn) or measured.metric_set_name or "detector"
    detector = AnomalyDetector(anomaly_detector_name=name, anomaly_detector_arn=arn)
    return joined.setdefault(arn or "", Joined(_name(detector), detector))


def _distinct(alerts: list[Alert]) -> list[Alert]:
    """Each alert once: as it was described, where it was listed too."""
    kept: dict[tuple[str, str], Alert] = {}
    for alert in alerts:
        key = alert.alert_name, alert.anomaly_detector_arn or ""
        if key not in kept or alert.action is not None:
            kept[key] = alert
    return list(kept.values())


def _by_namespace(measured: MetricSet, found: Found) -> list[MetricSet]:
    """A metric set for each namespace of CloudWatch: a source here has one."""
    if measured.metric_source is None or measured.metric_source.cloudwatch is None:
        return [measured]
    parts: dict[str | None, list[Metric]] = {}
    for metric in measured.metric_list:
        parts.setdefault(metric.namespace, []).append(metric)
    if len(parts) == 1:
        return [measured]
    name = measured.metric_set_name or "metrics"
    says = "has metrics of several namespaces, and becomes a detector for each"
    found.remarks.append(Remark("changed", f"metric set {plain(name)}", says))
    return [
        msgspec.structs.replace(measured, metric_set_name=namespace or name, metric_list=metrics)
        for namespace, metrics in parts.items()
    ]
