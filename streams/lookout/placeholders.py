"""What stands where something is not known: a word that nobody has chosen, and that is easy to find."""

from __future__ import annotations

import re

#: How it begins. It may be part of a name, of a path and of an ARN.
PLACEHOLDER = "REPLACE-"


def placeholder(what: str) -> str:
    """A placeholder for what has a name.

    >>> placeholder("AWS::StackName")
    'REPLACE-AWS-StackName'
    """
    return PLACEHOLDER + (re.sub(r"[^A-Za-z0-9_]+", "-", what).strip("-") or "value")


def is_open(value: object) -> bool:
    """Whether a text still has one in it."""
    return isinstance(value, str) and PLACEHOLDER in value
