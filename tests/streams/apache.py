"""A real Apache with ModSecurity and its core rule set, on a free port, in a temporary directory."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from streams.broker import free_port

MODULES = Path("/usr/lib/apache2/modules")
RULES = Path("/usr/share/modsecurity-crs/rules")
CONFIGURATION = """
ServerRoot /usr/lib/apache2
LoadModule mpm_event_module modules/mod_mpm_event.so
LoadModule authz_core_module modules/mod_authz_core.so
LoadModule dir_module modules/mod_dir.so
LoadModule unique_id_module modules/mod_unique_id.so
LoadFile libxml2.so.2
LoadModule security2_module modules/mod_security2.so
Listen 127.0.0.1:{port}
ServerName shop.example.com
{user}
PidFile {folder}/pid
DocumentRoot {folder}/www
ErrorLog {folder}/error.log
<Directory {folder}/www>
  Require all granted
</Directory>
Include /etc/modsecurity/modsecurity.conf-recommended
SecRuleEngine On
SecAuditEngine On
SecAuditLogParts ABFHZ
SecAuditLogFormat JSON
SecAuditLogType Serial
SecAuditLog {folder}/audit.log
SecDataDir {folder}
Include /etc/modsecurity/crs/crs-setup.conf
Include /usr/share/modsecurity-crs/rules/*.conf
"""
STARTS_WITHIN = WRITES_WITHIN = 30.0


class Apache:
    """A web server behind a WAF."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder, self._port = folder, port

    def get(self, path: str, client: str = "127.0.0.1") -> int:
        """The status of the answer to a request from an address of the loopback network."""
        connection = HTTPConnection("127.0.0.1", self._port, timeout=10, source_address=(client, 0))
        try:
            connection.request(
                "GET", path, headers={"Host": "shop.example.com", "User-Agent": "test", "Accept": "*/*"}
            )
            answer = connection.getresponse()
            answer.read()
            return answer.status
        finally:
            connection.close()

    def audited(self, after: int = 0, requests: int = 0) -> list[bytes]:
        """What the WAF has written, a line a request, after so many lines; waits until so many are there."""
        until = time.monotonic() + WRITES_WITHIN
        while True:
            # The last line may not be whole.
            lines = (self._folder / "audit.log").read_bytes().split(b"\n")[after:-1]
            if len(lines) >= requests:
                return lines
            assert time.monotonic() < until, f"{len(lines)} of {requests} requests are in the audit log"
            time.sleep(0.05)


@contextmanager
def apache() -> Iterator[Apache]:
    """Runs one, or skips the test where Debian's packages are not there."""
    command = shutil.which("apache2", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if command is None or not (MODULES / "mod_security2.so").exists() or not RULES.exists():
        pytest.skip(
            "no Apache with ModSecurity here: apt-get install libapache2-mod-security2 modsecurity-crs"
        )
    folder = Path(tempfile.mkdtemp(prefix="lookalive-apache-"))
    folder.chmod(0o777)
    (folder / "www").mkdir()
    for name in ("index.html", "search", "cart"):
        (folder / "www" / name).write_text(f"{name}\n")
    port, user = free_port(), "User www-data\nGroup www-data" if os.getuid() == 0 else ""
    configuration = folder / "httpd.conf"
    configuration.write_text(CONFIGURATION.format(port=port, folder=folder, user=user))
    process = subprocess.Popen([command, "-f", str(configuration), "-D", "FOREGROUND"])
    server = Apache(folder, port)
    try:
        _wait(server, process)
        yield server
    finally:
        process.terminate()
        process.wait(STARTS_WITHIN)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(server: Apache, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + STARTS_WITHIN
    while True:
        try:
            server.get("/")
        except OSError:
            assert process.poll() is None, "the server has ended"
            assert time.monotonic() < until, "the server does not answer"
            time.sleep(0.05)
        else:
            server.audited(requests=1)
            return
