"""Synthetic traffic connects as everything else does: with the same security."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from streams.samples.traffic import Traffic, producer_arguments
from streams.settings import Settings

#: Signed by itself, and for nobody.
AUTHORITY = """\
-----BEGIN CERTIFICATE-----
MIIBiDCCAS+gAwIBAgIUQjfP13lSR5sEMnBEkGHxo1c9y6QwCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOdGVzdCBhdXRob3JpdHkwIBcNMjYxMTI1MDExMTIwWhgPMjEy
NjExMDEwMTExMjBaMBkxFzAVBgNVBAMMDnRlc3QgYXV0aG9yaXR5MFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEcrL/oIBws4BPJ0+UnDP205MeL0+akvq82cpGdr4X
nxve3uX4pW7/aXOj0Boko7Gd3xerS6x9HTlL62e3DCsVuaNTMFEwHQYDVR0OBBYE
FIjVjpRqkV/TwRR2/A9hwWlb4kBqMB8GA1UdIwQYMBaAFIjVjpRqkV/TwRR2/A9h
wWlb4kBqMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDRwAwRAIgCT6bq+Yh
EBF2ayfbx/kFLz9QOd03UyJJQnEJAbUS54YCIAGypuPk9OlVVt3Pz8Bi8fS+F8GY
CpuHJerYAd9KADSr
-----END CERTIFICATE-----
"""


@pytest.fixture
def ca_file(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    path.write_text(AUTHORITY)
    return path


def test_without_security_there_is_no_context() -> None:
    assert producer_arguments(Settings(bootstrap="kafka:9092")) == {
        "bootstrap_servers": ["kafka:9092"],
        "security_protocol": "PLAINTEXT",
        "client_id": "lookalive",
    }


def test_credentials_and_authorities_are_handed_on(ca_file: Path) -> None:
    settings = Settings(
        bootstrap="kafka:9093",
        security="sasl_ssl",
        sasl_mechanism="SCRAM-SHA-512",
        username="lookalive",
        password="secret",
        ca_file=ca_file,
    )
    arguments = producer_arguments(settings)
    context = arguments.pop("ssl_context")
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert [dict(*c["subject"])["commonName"] for c in context.get_ca_certs()] == ["test authority"]
    assert arguments == {
        "bootstrap_servers": ["kafka:9093"],
        "security_protocol": "SASL_SSL",
        "client_id": "lookalive",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "lookalive",
        "sasl_plain_password": "secret",
    }


def test_without_an_authority_of_its_own_the_systems_are_trusted() -> None:
    arguments = producer_arguments(Settings(bootstrap="kafka:9093", security="ssl"))
    assert arguments["ssl_context"].verify_mode == ssl.CERT_REQUIRED


@pytest.mark.parametrize("security", ["plaintext", "ssl"])
def test_the_producer_takes_them(security: str) -> None:
    async def make() -> None:
        traffic = Traffic(Settings(bootstrap="127.0.0.1:1", security=security))  # type: ignore[arg-type]
        await traffic.__aexit__()

    asyncio.run(make())
