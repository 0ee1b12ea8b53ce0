"""An HTTP transport without a network: it runs an ASGI application in the calling thread."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx


class InProcess(httpx.BaseTransport):
    """For `ServiceClient(..., transport=InProcess(app))`; a fresh event loop for every call."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def run() -> httpx.Response:
            body = request.read()
            sent = httpx.Request(request.method, request.url, headers=request.headers, content=body)
            answer = await httpx.ASGITransport(self._app).handle_async_request(sent)
            content = await answer.aread()
            return httpx.Response(
                answer.status_code, headers=answer.headers, stream=httpx.ByteStream(content)
            )

        return asyncio.run(run())
