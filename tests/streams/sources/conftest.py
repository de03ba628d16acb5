"""What tests of readers share: moto's server in the place of AWS, and real servers of databases.

Each test makes tables of its own names.
"""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator

import pytest
from moto.server import ThreadedMotoServer

from tests.streams.sources import servers
from tests.streams.sources.servers import Server


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """The address of a server that plays AWS."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def amazon(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in it, and what boto3 needs to find it."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    urllib.request.urlopen(f"{endpoint}/moto-api/reset", b"").close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    with servers.postgres() as server:
        yield server


@pytest.fixture(scope="session")
def mariadb() -> Iterator[Server]:
    with servers.mariadb() as server:
        yield server
