"""Metrics and probes of a process that is no worker, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from streams.errors import SettingsError
from streams.settings import Settings


async def serve(
    settings: Settings, registry: CollectorRegistry, ready: Callable[[], bool], refresh: Callable[[], None]
) -> None:
    """Answer `/metrics`, `/live` and `/ready` until cancelled; `refresh` is called before metrics are read.

    Raises:
        SettingsError: the port is taken, or may not be used.
    """

    async def metrics(_: web.Request) -> web.Response:
        refresh()
        return web.Response(body=generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def live(_: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def is_ready(_: web.Request) -> web.Response:
        said = ready()
        return web.json_response({"ready": said}, status=200 if said else 503)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/live", live), web.get("/ready", is_ready)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        host, port = settings.web_host, settings.web_port
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            message = (
                f"cannot listen on {host}:{port}: {error.strerror}; "
                "set LOOKALIVE_WEB_HOST and LOOKALIVE_WEB_PORT"
            )
            raise SettingsError(message) from error
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()
