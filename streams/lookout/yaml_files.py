"""YAML as CloudFormation writes it: short tags become what they stand for, `!Ref X` a `{"Ref": "X"}`."""

from __future__ import annotations

from typing import Any

import yaml

from streams.errors import LookoutError


def read_yaml(text: str, where: str) -> Any:
    """What a YAML text says.

    >>> read_yaml("Path: !Sub 's3://${Bucket}/live'", "template.yaml")
    {'Path': {'Fn::Sub': 's3://${Bucket}/live'}}

    Raises:
        LookoutError: it is no YAML.
    """
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506  (a SafeLoader, with a few tags more)
    except yaml.MarkedYAMLError as error:
        place = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        message = f"{where} is neither JSON nor YAML: {place}{error.problem}"
        raise LookoutError(message) from error
    except (yaml.YAMLError, ValueError) as error:
        message = f"{where} is neither JSON nor YAML: {' '.join(str(error).split())}"
        raise LookoutError(message) from error


class _Loader(yaml.SafeLoader):
    """Reads plain values and short tags. An alias is refused: ten lines of them can mean a billion values."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            problem = "an alias (*name) is not read, nor does CloudFormation read one"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=self.get_mark())
        return super().compose_node(parent, index)


def _short_tag(loader: _Loader, suffix: str, node: Any) -> dict[str, Any]:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    match node:
        case yaml.ScalarNode():
            scalar = loader.construct_scalar(node)
            return {name: scalar.split(".", 1) if suffix == "GetAtt" else scalar}
        case yaml.SequenceNode():
            return {name: loader.construct_sequence(node, deep=True)}
    return {name: loader.construct_mapping(node, deep=True)}


_Loader.add_multi_constructor("!", _short_tag)
