"""Clients of a cluster that encrypts: whom they trust, and that nothing is said to anyone else."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest
import trustme
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from streams.errors import SettingsError
from streams.settings import Settings, from_environment

#: How every request of Kafka's begins: its length, and which it is. The first one asks for versions (18).
ASKS_FOR_VERSIONS = b"\x00\x12"


class Listener:
    """Takes connections under TLS, keeps how they begin, and says nothing."""

    def __init__(self, authority: trustme.CA) -> None:
        self._context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        authority.issue_cert("127.0.0.1").configure_cert(self._context)
        self.begun: asyncio.Queue[bytes] = asyncio.Queue()

    async def serve(self) -> asyncio.Server:
        return await asyncio.start_server(self._take, "127.0.0.1", 0, ssl=self._context)

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.begun.put_nowait(await reader.read(6))
        writer.close()


def trusting(authority: trustme.CA, server: asyncio.Server, folder: Path) -> Settings:
    authority.cert_pem.write_to_path(folder / "ca.pem")
    return from_environment(
        {
            "LOOKALIVE_BOOTSTRAP": f"127.0.0.1:{server.sockets[0].getsockname()[1]}",
            "LOOKALIVE_SECURITY": "sasl_ssl",
            "LOOKALIVE_SASL_MECHANISM": "SCRAM-SHA-512",
            "LOOKALIVE_USERNAME": "lookalive",
            "LOOKALIVE_PASSWORD": "s3cret",
            "LOOKALIVE_CA_FILE": str(folder / "ca.pem"),
        }
    )


async def connect(settings: Settings) -> None:
    """Connect as what speaks to the cluster on asyncio does."""
    producer = AIOKafkaProducer(**settings.async_client())
    try:
        await producer.start()
    finally:
        await producer.stop()


async def test_a_cluster_is_spoken_to_under_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    listener = Listener(authority)
    async with await listener.serve() as server:
        work = asyncio.create_task(connect(trusting(authority, server, tmp_path)))
        begun = await asyncio.wait_for(listener.begun.get(), 20)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    assert begun[4:] == ASKS_FOR_VERSIONS


async def test_nothing_is_said_to_a_cluster_that_nobody_vouches_for(tmp_path: Path) -> None:
    listener = Listener(trustme.CA())
    async with await listener.serve() as server:
        with pytest.raises(KafkaConnectionError):
            await connect(trusting(trustme.CA(), server, tmp_path))
    assert listener.begun.empty()


def test_the_systems_authorities_are_trusted_where_none_are_named() -> None:
    context = Settings(bootstrap="kafka:9093", security="ssl").async_client()["ssl_context"]
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname


def test_certificates_that_are_not_there_are_told(tmp_path: Path) -> None:
    settings = Settings(bootstrap="kafka:9093", security="ssl", ca_file=tmp_path / "none.pem")
    with pytest.raises(SettingsError, match=r"LOOKALIVE_CA_FILE: .*none\.pem .*No such file"):
        settings.async_client()
