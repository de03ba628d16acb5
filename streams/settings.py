"""Where to run: the environment becomes one valid Settings, or one clear SettingsError.

What to detect is a file (`detectors.config`); addresses, secrets and ports are `LOOKALIVE_*`
variables and nothing else, so that the same file runs anywhere.
"""

from __future__ import annotations

import difflib
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from streams.errors import SettingsError

PREFIX = "LOOKALIVE_"

Port = Annotated[int, Meta(ge=0, le=65535)]
Count = Annotated[int, Meta(ge=1)]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Where one process runs. Field `bootstrap` is read from `LOOKALIVE_BOOTSTRAP`, and so on."""

    #: Addresses of a Kafka cluster, `host:port,host:port`.
    bootstrap: str | None = None
    #: State of the worker and of the program's own broker; one directory a worker.
    data: Path = Path(".lookalive")
    #: Consumer group; workers of one group share the partitions.
    group: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$")] = "lookalive"
    #: Internal topics are called `{prefix}.partials` and so on.
    prefix: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$")] = "lookalive"
    web_host: str = "127.0.0.1"
    web_port: Port = 8430
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    #: Unless given: text on a terminal, JSON lines elsewhere.
    log_format: Literal["text", "json"] | None = None
    #: Of topics that are created.
    partitions: Count = 4
    replication: Count = 1
    security: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = "plaintext"
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    username: str | None = None
    password: str | None = None
    #: Certificates of the authorities that sign the brokers' certificates.
    ca_file: Path | None = None
    #: Static membership: a worker that comes back under this name keeps its partitions.
    instance: str | None = None
    #: So many other workers keep a copy of the state of each partition, to take over without a recovery.
    standby: Annotated[int, Meta(ge=0)] = 0
    #: Where people find an incident: links in notices begin with it, and go on with `/groups/ID`.
    console_url: Annotated[str, Meta(pattern=r"^https?://\S+$")] | None = None
    #: Region of sinks in AWS, and of the ARNs in their messages.
    aws_region: Annotated[str, Meta(pattern=r"^[a-z]{2}(-[a-z]+)+-\d$")] = "us-east-1"
    #: Account in the ARNs of messages and of findings.
    aws_account: Annotated[str, Meta(pattern=r"^\d{12}$")] = "000000000000"

    def __repr__(self) -> str:
        masked = {name: "***" if name == "password" and value else value for name, value in _items(self)}
        return f"Settings({', '.join(f'{name}={value!r}' for name, value in masked.items())})"

    def kafka_client(self) -> dict[str, Any]:
        """The keyword arguments that every kafka-python client takes.

        Raises:
            SettingsError: no broker is named.
        """
        if self.bootstrap is None:
            message = "no broker: set LOOKALIVE_BOOTSTRAP=host:port, or start one with `lookalive broker`"
            raise SettingsError(message)
        arguments: dict[str, Any] = {
            "bootstrap_servers": [address.strip() for address in self.bootstrap.split(",")],
            "security_protocol": self.security.upper(),
            "client_id": self.group,
        }
        if self.sasl_mechanism is not None:
            arguments["sasl_mechanism"] = self.sasl_mechanism
            arguments["sasl_plain_username"] = self.username
            arguments["sasl_plain_password"] = self.password
        if self.ca_file is not None:
            arguments["ssl_cafile"] = str(self.ca_file)
        return arguments

    def async_client(self) -> dict[str, Any]:
        """The keyword arguments that every client of aiokafka takes.

        Raises:
            SettingsError: no broker is named, or no certificates are where they should be.
        """
        arguments = self.kafka_client()
        arguments.pop("ssl_cafile", None)
        return arguments | {"ssl_context": self.ssl_context()}

    def ssl_context(self) -> ssl.SSLContext | None:
        """What clients on asyncio trust; None where nothing is encrypted.

        Raises:
            SettingsError: the file of certificates cannot be read.
        """
        if not self.security.endswith("ssl"):
            return None
        try:
            return ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            message = f"LOOKALIVE_CA_FILE: {self.ca_file} has no certificates: {error.strerror or error}"
            raise SettingsError(message) from error


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Read the `LOOKALIVE_*` variables; an empty one counts as not set.

    >>> from_environment({"LOOKALIVE_BOOTSTRAP": "kafka:9092", "LOOKALIVE_WEB_PORT": "80"}).web_port
    80

    Raises:
        SettingsError: a variable is unknown, or its value does not make sense.
    """
    known = {f"{PREFIX}{name.upper()}": name for name in Settings.__struct_fields__}
    given: dict[str, str] = {}
    for variable, value in environment.items():
        if variable.startswith(PREFIX) and variable not in known:
            near = difflib.get_close_matches(variable, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(known)}"
            message = f"unknown variable {variable}; {hint}"
            raise SettingsError(message)
        if variable in known and value:
            given[known[variable]] = value
    try:
        settings = msgspec.convert(given, Settings, strict=False, dec_hook=_path)
    except msgspec.ValidationError as error:
        what, _, field = str(error).partition(" - at `$.")
        message = f"{PREFIX}{field.rstrip('`').upper()}: {what}"
        raise SettingsError(message) from error
    for problem in _contradictions(settings):
        raise SettingsError(problem)
    return settings


def _contradictions(settings: Settings) -> list[str]:
    problems = []
    for address in (settings.bootstrap or "host:1").split(","):
        host, _, port = address.strip().rpartition(":")
        if not host or not port.isdigit():
            problems.append(f"LOOKALIVE_BOOTSTRAP: {address!r} is no host:port")
    credentials = (settings.sasl_mechanism, settings.username, settings.password)
    if settings.security.startswith("sasl"):
        if None in credentials:
            problems.append(
                f"LOOKALIVE_SECURITY={settings.security} needs LOOKALIVE_SASL_MECHANISM, "
                "LOOKALIVE_USERNAME and LOOKALIVE_PASSWORD"
            )
    elif any(credentials):
        problems.append(
            f"LOOKALIVE_SECURITY={settings.security} sends no credentials: set it to sasl_ssl, or leave out "
            "LOOKALIVE_SASL_MECHANISM, LOOKALIVE_USERNAME and LOOKALIVE_PASSWORD"
        )
    return problems


def _path(kind: type, value: object) -> object:
    if kind is Path:
        return Path(str(value))
    raise NotImplementedError


def _items(settings: Settings) -> list[tuple[str, object]]:
    return [(name, getattr(settings, name)) for name in settings.__struct_fields__]
