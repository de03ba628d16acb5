"""A template of CloudFormation → the properties of its detectors and alerts, with references resolved.

What only AWS knows when it deploys the template (another resource, the region) becomes a placeholder.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from streams.lookout.placeholders import placeholder

DETECTOR, ALERT = "AWS::LookoutMetrics::AnomalyDetector", "AWS::LookoutMetrics::Alert"
PSEUDO = {"AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com"}
#: What stands for a value that is not there.
NO_VALUE = object()


class Template:
    """A template, resolved piece by piece."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._resources = _mapping(document.get("Resources"))
        self._parameters = _mapping(document.get("Parameters"))
        self._mappings = _mapping(document.get("Mappings"))
        #: Placeholder → what it stands for.
        self.unresolved: dict[str, str] = {}
        #: Conditions of which the first branch was taken.
        self.assumed: list[str] = []

    def properties(self, kind: str) -> dict[str, dict[str, Any]]:
        """Logical id → properties, of the resources of a type."""
        found = {}
        for name, resource in self._resources.items():
            if _mapping(resource).get("Type") == kind:
                found[str(name)] = _mapping(self._resolve(_mapping(resource).get("Properties")))
        return found

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [each for each in map(self._resolve, value) if each is not NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            ((name, argument),) = value.items()
            if name == "Ref":
                return self._reference(str(argument))
            if isinstance(name, str) and name.startswith("Fn::"):
                return self._call(name[4:], argument)
        resolved = {key: self._resolve(inner) for key, inner in value.items()}
        return {key: inner for key, inner in resolved.items() if inner is not NO_VALUE}

    def _reference(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return NO_VALUE
        parameter = _mapping(self._parameters.get(name))
        kind = str(parameter.get("Type", ""))
        # Of a parameter in the store of Systems Manager the default is only where it is.
        if "Default" in parameter and not kind.startswith("AWS::SSM::"):
            default = parameter["Default"]
            return str(default).split(",") if kind in {"CommaDelimitedList", "List<Number>"} else default
        return PSEUDO.get(name) or self._open(name)

    def _call(self, name: str, argument: Any) -> Any:  # noqa: PLR0911  (a line a function)
        if name == "If" and isinstance(argument, list) and len(argument) == 3:
            condition, *branches = argument
            self.assumed.append(str(condition))
            return next((each for each in map(self._resolve, branches) if each is not NO_VALUE), NO_VALUE)
        if name == "GetAtt":
            resource, _, of = ".".join(
                map(str, argument) if isinstance(argument, list) else [str(argument)]
            ).partition(".")
            return self._open(resource if of in {"Arn", "TopicArn", ""} else f"{resource}.{of}")
        if name == "Sub":
            return self._substitute(argument)
        argument = self._resolve(argument)
        match name, argument:
            case "Join", [str(separator), [*parts]]:
                return separator.join(map(str, parts))
            case "Split", [str(separator), str(text)] if separator:
                return text.split(separator)
            case "Select", [index, [*choices]] if str(index).isdecimal() and int(index) < len(choices):
                return choices[int(index)]
            case "FindInMap", [str(table), first, second, *_]:
                found = _mapping(_mapping(self._mappings.get(table)).get(first)).get(second)
                return self._open(table) if found is None else found
        return self._open(argument if isinstance(argument, str) else name)

    def _substitute(self, argument: Any) -> Any:
        text, own = argument, {}
        if isinstance(argument, list) and len(argument) == 2:
            text, own = argument[0], _mapping(self._resolve(argument[1]))
        if not isinstance(text, str):
            return self._open("Sub")

        def value(match: re.Match[str]) -> str:
            name = match[1].strip()
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in own:
                return str(own[name])
            return str(self._call("GetAtt", name) if "." in name else self._reference(name))

        return re.sub(r"\$\{([^}]+)\}", value, text)

    def _open(self, name: str) -> str:
        stands = placeholder(name)
        self.unresolved.setdefault(stands, name)
        return stands


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
