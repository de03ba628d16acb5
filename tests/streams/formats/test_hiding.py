"""What is hidden is gone before anything else sees it, and what hides it tells values apart."""

from __future__ import annotations

import json
from typing import Any

import pytest

from detectors.config import ConfigError
from detectors.loading import parse
from streams.errors import SettingsError
from streams.formats import make_format

CONFIGURATION = """
[sources.shop]
topic = "clickstream"
format = "clickstream"
HIDDEN

[[detectors]]
name = "shop"
source = "shop"
interval = "PT5M"
measures = [{ name = "views", aggregation = "count", evidence = ["user"] }]
"""


def read(hidden: str, user: object) -> Any:
    what = parse(CONFIGURATION.replace("HIDDEN", hidden))
    format_ = make_format("shop", what.records_of("shop"), what.fields_of("shop"))
    (event,) = format_.parse(json.dumps({"ts": 1_700_000_000_000, "user": user}).encode())
    return event


@pytest.mark.parametrize(
    ("user", "kept"),
    [
        ("203.0.113.9", "203.0.113.0/24"), ("2001:db8:1:2::9", "2001:db8:1::/48"),
        ("::ffff:10.1.2.3", "10.1.2.0/24"),
        ("anna", None), (7, None), (None, None),
    ],
)  # fmt: skip
def test_of_an_address_its_network_is_kept(user: object, kept: str | None) -> None:
    assert read('hidden = { user = "network" }', user).user == kept


def test_a_hash_tells_values_apart_and_not_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = 'hidden = { user = "hash" }\nhidden_key = "env:KEY"'
    monkeypatch.setenv("KEY", "one")
    anna, again, ben, nobody = (read(hidden, user).user for user in ("anna", "anna", "ben", None))
    assert anna == again != ben
    assert nobody is None
    assert "anna" not in anna
    monkeypatch.setenv("KEY", "two")
    assert read(hidden, "anna").user != anna


def test_without_its_key_nothing_is_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KEY", raising=False)
    with pytest.raises(SettingsError, match="the variable KEY of the environment is not set"):
        read('hidden = { user = "hash" }\nhidden_key = "env:KEY"', "anna")


@pytest.mark.parametrize(
    ("hidden", "said"),
    [
        ('hidden = { user = "hash" }', "hidden_key goes with a hash"),
        ('hidden = { user = "network" }\nhidden_key = "env:KEY"', "hidden_key goes with a hash"),
        ('hidden = { session = "network" }', "no detector reads 'session'"),
    ],
)
def test_what_hides_nothing_is_refused(hidden: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse(CONFIGURATION.replace("HIDDEN", hidden))
