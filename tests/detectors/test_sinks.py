"""The part of a configuration that says where alerts are sent."""

from __future__ import annotations

import pytest

from detectors.config import Config, ConfigError
from detectors.loading import parse
from detectors.sinks import Slack, Webhook
from tests.around import AROUND

RULE = '[[alerts]]\nname = "all"\ndetector = "any"\n'
MAIL = '[sinks.a]\ntype = "email"\nhost = "localhost"'


def read(text: str) -> Config:
    return parse(AROUND + RULE + text)


def test_sinks_are_told_apart_by_their_type() -> None:
    sinks = read(
        'sinks = ["ours"]\n'
        '[sinks.ours]\ntype = "webhook"\nurl = "https://example.org"\n'
        '[sinks.chat]\ntype = "slack"\nurl = "env:SLACK"\n'
    ).sinks
    assert sinks == {"ours": Webhook(url="https://example.org"), "chat": Slack(url="env:SLACK")}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('sinks = ["chat"]', "alert 'all': no sink named 'chat'; known: none"),
        ('[sinks.a]\ntype = "webhok"', "sinks.a: type must be one of webhook, alertmanager"),
        ('[sinks.a]\ntype = "webhook"\nurll = "https://a"', "did you mean 'url'?"),
        ('[sinks.a]\ntype = "slack"\nurl = "https://hooks.slack.com/x"', "env:NAME or file:PATH"),
        ('[sinks.a]\ntype = "webhook"\nurl = "https://a"\nformat = "xml"', "one of asff, json, long"),
        ('[sinks.a]\ntype = "alertmanager"\nurl = "http://a"\nusername = "a"', "go together"),
        ('[sinks.a]\ntype = "alertmanager"\nurl = "http://a"\nkeep_alive = "PT0S"', "at least PT1S"),
        ('[sinks.a]\ntype = "webhook"\nurl = "http://a"\ngive_up_after = "-PT1S"', "cannot be negative"),
        (f'{MAIL}\nsender = "a@b"\nto = ["alerts"]', "'alerts' is no address of mail"),
        (f'{MAIL}\nsender = "a@b\\nBcc: c@d"\nto = ["a@b"]', "is no address of mail"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_sentence(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said.replace("?", r"\?")):
        read(text)
