"""Secrets and addresses: `env:NAME` and `file:PATH` become what is there now; anything else is itself.

What is said when there is nothing never holds what was there.
"""

from __future__ import annotations

import os
from pathlib import Path

from streams.errors import SettingsError


def read_secret(reference: str) -> str:
    """What a reference stands for now: a file may be written anew.

    Raises:
        SettingsError: there is no such variable or file.
    """
    kind, _, name = reference.partition(":")
    if kind == "env":
        if value := os.environ.get(name, "").strip():
            return value
        message = f"the variable {name} of the environment is not set: a secret is read there"
        raise SettingsError(message)
    if kind == "file":
        try:
            return Path(name).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", "no text")
            message = f"cannot read a secret from {name}: {why}"
            raise SettingsError(message) from error
    return reference


def read_address(reference: str) -> str:
    """An address of HTTP.

    Raises:
        SettingsError: there is none.
    """
    found = read_secret(reference)
    if not found.startswith(("https://", "http://")):
        message = f"{reference} holds no address: it should begin with https://"
        raise SettingsError(message)
    return found
