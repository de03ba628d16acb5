"""The environment is read whole: what is unknown or makes no sense is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.errors import SettingsError
from streams.settings import Settings, from_environment


def test_nothing_set_gives_the_defaults() -> None:
    assert from_environment({"PATH": "/bin"}) == Settings()


def test_variables_become_typed_fields() -> None:
    settings = from_environment(
        {"LOOKALIVE_BOOTSTRAP": "a:1, b:2", "LOOKALIVE_WEB_PORT": "9000", "LOOKALIVE_DATA": "/var/lib/x"}
    )
    assert settings.kafka_client()["bootstrap_servers"] == ["a:1", "b:2"]
    assert settings.web_port == 9000
    assert settings.data == Path("/var/lib/x")


def test_an_empty_variable_counts_as_not_set() -> None:
    assert from_environment({"LOOKALIVE_BOOTSTRAP": ""}).bootstrap is None


def test_an_unknown_variable_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SettingsError, match=r"LOOKALIVE_BOTSTRAP; did you mean LOOKALIVE_BOOTSTRAP\?"):
        from_environment({"LOOKALIVE_BOTSTRAP": "a:1"})


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LOOKALIVE_WEB_PORT", "many"),
        ("LOOKALIVE_WEB_PORT", "70000"),
        ("LOOKALIVE_PARTITIONS", "0"),
        ("LOOKALIVE_LOG_LEVEL", "loud"),
        ("LOOKALIVE_SECURITY", "tls"),
        ("LOOKALIVE_PREFIX", "a/b"),
        ("LOOKALIVE_BOOTSTRAP", "localhost"),
        ("LOOKALIVE_BOOTSTRAP", "a:1,,b:2"),
        ("LOOKALIVE_SECURITY", "sasl_ssl"),
        ("LOOKALIVE_PASSWORD", "alone"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_by_its_variable(variable: str, value: str) -> None:
    with pytest.raises(SettingsError, match=variable) as refused:
        from_environment({variable: value})
    assert value != "alone" or "alone" not in str(refused.value)


def test_credentials_reach_the_clients_and_no_text() -> None:
    settings = from_environment(
        {
            "LOOKALIVE_BOOTSTRAP": "a:1",
            "LOOKALIVE_SECURITY": "sasl_ssl",
            "LOOKALIVE_SASL_MECHANISM": "SCRAM-SHA-512",
            "LOOKALIVE_USERNAME": "ann",
            "LOOKALIVE_PASSWORD": "hunter2",
            "LOOKALIVE_CA_FILE": "/etc/ca.pem",
        }
    )
    client = settings.kafka_client()
    assert client["sasl_plain_password"] == "hunter2"
    assert client["security_protocol"] == "SASL_SSL"
    assert client["ssl_cafile"] == "/etc/ca.pem"
    assert "hunter2" not in f"{settings} {settings!r}"
    assert "username='ann'" in repr(settings)


def test_clients_without_a_broker_say_how_to_get_one() -> None:
    with pytest.raises(
        SettingsError, match="LOOKALIVE_BOOTSTRAP=host:port, or start one with `lookalive broker`"
    ):
        Settings().kafka_client()
