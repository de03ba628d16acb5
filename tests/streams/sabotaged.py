"""A worker in which something breaks some seconds after its start, though its process lives on.

`python -m tests.streams.sabotaged WHAT worker -c FILE` does what a fault inside of Faust or aiokafka would.
"""

import asyncio
import sys
import threading
from typing import Any, cast

from mode import Service

from streams import watchdog
from streams.cli import main
from streams.transport import App, BatchConsumer, Transport

SECONDS = 2.0


def fetching(consumer: BatchConsumer) -> None:
    """The loop that hands on what was fetched waits for what never comes."""
    consumer.stop_flow()


def membership(consumer: BatchConsumer) -> None:
    """The task that keeps the worker in its group has ended."""
    inner: Any = consumer._thread._consumer
    inner._client._loop.call_soon_threadsafe(inner._coordinator._coordination_task.cancel)


def thread(consumer: BatchConsumer) -> None:
    """The thread of the consumer does nothing any more."""
    inner: Any = consumer._thread._consumer
    inner._client._loop.call_soon_threadsafe(threading.Event().wait)


BREAKS = {function.__name__: function for function in (fetching, membership, thread)}


class Sabotaged(BatchConsumer):
    @Service.task
    async def _break(self) -> None:
        while not cast(App, self.app).settled:  # noqa: ASYNC110
            await asyncio.sleep(SECONDS)
        BREAKS[WHAT](self)


if __name__ == "__main__":
    WHAT = sys.argv.pop(1)
    Transport.Consumer = Sabotaged
    watchdog.PATIENCE_SECONDS, watchdog.EVERY_SECONDS = 6.0, 1.0
    main()
