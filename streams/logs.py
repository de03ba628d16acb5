"""One stream of log records on standard error: ours and those of Faust, mode and the Kafka clients.

Text on a terminal, JSON lines elsewhere. structlog hands our records to the standard library, where
one formatter renders them beside everybody else's. Faust replaces the handlers when it starts, so it
is given the same configuration: `App(logging_config=logging_config(settings))`.
"""

from __future__ import annotations

import asyncio
import logging
import logging.config
import math
import sys
import time
from collections.abc import MutableMapping
from typing import Any

import structlog
from structlog.typing import Processor

from streams.settings import Settings

#: Libraries that tell more than an operator needs: they are heard from `warning` on, or from `info`
#: when ours is `debug`. Never at debug: there they write out their configuration, secrets included.
_LIBRARIES = (
    *("faust", "mode", "aiokafka", "kafka", "aiohttp", "asyncio", "jgo", "urllib3"),
    # Faust's services log under the module of the class that extends them.
    *("streams.transport", "streams.tables"),
)

#: What a library says is not repeated within this time.
AGAIN_SECONDS = 10.0
#: So many texts are remembered. Most of what libraries say has few forms.
MOST_TEXTS = 1_000

_SECRET = ("password", "secret", "token", "authorization")


def configure(settings: Settings) -> None:
    """Send every log record of the process to standard error."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.processors.StackInfoRenderer(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    logging.config.dictConfig(logging_config(settings))


def logging_config(settings: Settings) -> dict[str, Any]:
    """The configuration of the standard library's logging, as `logging.config.dictConfig` takes it."""
    level = settings.log_level.upper()
    libraries = {"debug": "INFO", "info": "WARNING"}.get(settings.log_level, level)
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"noise": {"()": _Noise}},
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _shared(),
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    *_renderer(settings),
                ],
            }
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "stream": sys.stderr,
                "formatter": "structured",
                "filters": ["noise"],
            }
        },
        "loggers": {name: {"level": libraries} for name in _LIBRARIES},
        "root": {"level": level, "handlers": ["stderr"]},
    }


def _shared() -> list[Processor]:
    return [
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _mask_secrets,
    ]


def _renderer(settings: Settings) -> list[Processor]:
    terminal = sys.stderr.isatty()
    if (settings.log_format or ("text" if terminal else "json")) == "json":
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    # Plain tracebacks: the decorated ones print local variables, and with them secrets.
    return [structlog.dev.ConsoleRenderer(colors=terminal, exception_formatter=structlog.dev.plain_traceback)]


def _mask_secrets(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key in event:
        if any(word in key.lower() for word in _SECRET):
            event[key] = "***"
    return event


class _Noise(logging.Filter):
    """Leave out what looks like trouble and is none, and what a library says again and again."""

    def __init__(self) -> None:
        super().__init__()
        #: What was said → when it was last let through, and how often it was said since.
        self._said: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        # Faust cancels the agent of each partition that a rebalance takes away, and logs that as a crash.
        # asyncio says False where there is no traceback.
        traceback = record.exc_info or None
        cancelled = traceback is not None and isinstance(traceback[1], asyncio.CancelledError)
        if cancelled and record.name.startswith(("faust", "mode")):
            return False
        # Our own records are dicts here. A traceback is worth its lines.
        return traceback is not None or not isinstance(record.msg, str) or self._is_news(record, record.msg)

    def _is_news(self, record: logging.LogRecord, text: str) -> bool:
        """Without its arguments a text is the same each time: a client tells of every attempt to connect."""
        now = time.monotonic()
        last, times = self._said.get((record.name, text), (-math.inf, 0))
        if now < last + AGAIN_SECONDS:
            self._said[record.name, text] = last, times + 1
            return False
        if times:
            record.msg = f"{text} ({times} more since)"
        if len(self._said) > MOST_TEXTS:
            self._said.clear()
        self._said[record.name, text] = now, 0
        return True
