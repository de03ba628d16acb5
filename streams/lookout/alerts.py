"""An alert of the service → alert rules, one a detector, and the sink that it tells."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from detectors.words import plain
from streams.lookout.metric_sets import MadeDetector
from streams.lookout.naming import Names
from streams.lookout.placeholders import PLACEHOLDER, placeholder
from streams.lookout.remarks import Kind, Remark
from streams.lookout.shapes import Action, Alert

#: Groups open from here on: a rule that asks for less is not told of more.
LEAST = 30
FORMATS = {"JSON": "lookout", "LONG_TEXT": "long", "SHORT_TEXT": "short"}
TOPIC = re.compile(r"arn:[^:]+:sns:[^:]+:[^:]+:[^:]+")


class Rules:
    """The rules and sinks of all alerts; what is told to one place in one form is one sink."""

    def __init__(self) -> None:
        self.rules: list[dict[str, Any]] = []
        self.sinks: dict[str, dict[str, Any]] = {}
        self.descriptions: dict[str, str] = {}
        self.remarks: list[Remark] = []
        self._names, self._sink_names = Names(), Names()

    def add(self, alert: Alert, detectors: Sequence[MadeDetector]) -> None:
        """Add a rule for each detector that the alert is about."""
        filters = alert.alert_filters
        asked = set((filters and filters.metric_list) or ())
        concerned = [each for each in detectors if not asked or asked & set(each.measures)]
        if not concerned:
            says = "is about metrics that its detector does not have: left out"
            self._say("to do", f"alert {plain(alert.alert_name)}", says)
            return
        for unknown in sorted(asked.difference(*(each.measures for each in detectors))):
            says = f"is about the metric {plain(unknown)} too, which its detector does not have"
            self._say("missing", f"alert {plain(alert.alert_name)}", says)
        sinks = self._sinks_of(alert)
        for made in concerned:
            wished = alert.alert_name if len(detectors) == 1 else f"{alert.alert_name}-{made.name}"
            name = self._names.fresh(wished)
            about = f"alerts.{name}"
            rule: dict[str, Any] = {"name": name, "detector": made.name}
            self._threshold(rule, alert, about)
            measures = [m for metric in made.measures if metric in asked for m in made.measures[metric]]
            if measures:
                rule["measures"] = measures
                self._say("kept", about, f"tells only of {', '.join(measures)}")
            self._places(rule, alert, made, about)
            self._told(rule, alert, sinks, about)
            if alert.alert_description:
                self.descriptions[about] = alert.alert_description
            self.rules.append(rule)

    def _threshold(self, rule: dict[str, Any], alert: Alert, about: str) -> None:
        asked = alert.alert_sensitivity_threshold
        if asked is None:
            says = "its threshold is not in these files: it asks for severity 70, as is usual here"
            self._say("changed", about, says)
            return
        rule["severity_threshold"] = min(max(asked, LEAST), 100)
        if asked < LEAST:
            says = (
                f"threshold {asked} is severity {LEAST}, the lowest that is told of here, and much is told "
                "of from there on: of each series that is well 50 comes once a week, 70 once in ten weeks"
            )
        else:
            says = (
                f"threshold {asked} is severity {asked}, and severity says how rare a value is: see what it "
                "tells of with lookalive backtest"
            )
        self._say("changed", about, says)

    def _places(self, rule: dict[str, Any], alert: Alert, made: MadeDetector, about: str) -> None:
        where: dict[str, Any] = {}
        for each in (alert.alert_filters and alert.alert_filters.dimension_filter_list) or ():
            if each.dimension_name not in made.dimensions:
                says = f"filters by {plain(each.dimension_name)!r}, which is no dimension: left out"
                self._say("missing", about, says)
            elif each.dimension_value_list:
                values = each.dimension_value_list
                where[made.dimensions[each.dimension_name]] = values[0] if len(values) == 1 else values
        if where:
            rule["where"] = where
            self._say("kept", about, f"tells only of places that match {', '.join(where)}")

    def _told(self, rule: dict[str, Any], alert: Alert, sinks: list[str] | None, about: str) -> None:
        if alert.alert_status == "INACTIVE":
            rule["sinks"] = []
            self._say("changed", about, "is not active: it has no sinks, until you take sinks = [] away")
        elif sinks is None:
            says = "whom it told is not in these files, and it tells all sinks: give what DescribeAlert says"
            self._say("to do", about, says)
        elif sinks:
            rule["sinks"] = sinks
        else:
            says = "it told nobody; here it tells all sinks once there are some, such as sns, slack or s3"
            self._say("changed", about, says)
        says = "one incident is one alert, which says what was expected, where it is and when it is over"
        self._say("better", about, says)

    def _sinks_of(self, alert: Alert) -> list[str] | None:
        action = alert.action
        if action is None:
            return None
        return [self._sink(*each) for each in self._actions(action)]

    def _actions(self, action: Action) -> list[tuple[str, dict[str, Any]]]:
        actions: list[tuple[str, dict[str, Any]]] = []
        if action.sns is not None:
            topic, form = action.sns.sns_topic_arn, FORMATS.get(action.sns.sns_format or "JSON", "lookout")
            name = topic.rpartition(":")[2]
            if not TOPIC.fullmatch(topic):
                # What it is called in a template: only the deployed stack knows its ARN.
                own = placeholder(name.removeprefix(PLACEHOLDER))
                topic = f"arn:aws:sns:{PLACEHOLDER}region:{PLACEHOLDER}account:{own}"
            actions.append((name, {"type": "sns", "topic": topic, "format": form}))
        if action.function is not None:
            function = action.function.lambda_arn
            name = function.partition(":function:")[2].partition(":")[0] or function.rpartition(":")[2]
            actions.append((name, {"type": "lambda", "function": function, "format": "lookout"}))
        return actions

    def _sink(self, wished: str, table: dict[str, Any]) -> str:
        for name, known in self.sinks.items():
            if known == table:
                return name
        name = self._sink_names.fresh(wished.removeprefix(PLACEHOLDER))
        self.sinks[name] = table
        form = table["format"]
        what = "what the service sent, key by key" if form == "lookout" else f"the {form} text"
        self._say("kept", f"sinks.{name}", f"gets {what}, from lookalive notify")
        return name

    def _say(self, kind: Kind, about: str, says: str) -> None:
        self.remarks.append(Remark(kind, about, says))
