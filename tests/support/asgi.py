"""An HTTP transport without a network: it runs an ASGI application in the calling thread."""

from __future__ import annotations

from typing import Any

import httpx

from ledger_sync.sandbox.in_process.lines import answer


class InProcess(httpx.BaseTransport):
    """For `ServiceClient(..., connect=lambda _: InProcess(app))`; the application's executor is `run_inline`."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        return answer(self._app, request)
