"""The page that Prometheus reads: `/metrics`, on a listener of its own.

Rule: who may read it is decided by who can reach that listener. It is none of the service's routes, so no caller of the
service sees it, however it signs; and it says nothing of a customer. It is bound to loopback, or to wherever
mutual TLS lets in readers with a certificate of the settings' authority only. Of several processes whichever is asked
tells the figures of all, each under its number as the label `process`, and what waits in their stores once: a process
that is started anew counts from 0 under its own label, so no sum ever falls that should rise.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ledger_sync.service.metrics import Metrics
from ledger_sync.service.server import Executor, problem
from ledger_sync.service.siblings import Siblings
from wallet.protocol.codes import Refusal

PATH: Final = "/metrics"
PROCESS: Final = "process"
"""The label that tells the processes of one service apart."""
_ROOM: Final = "figures"


def figures_app(page: CollectorRegistry, executor: Executor) -> Starlette:
    """The application of the listener: what is looked up for it waits in a room of its own."""

    async def answer(request: Request) -> Response:
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        try:
            written = await executor(encode, page, room=_ROOM)
        except Refusal as refusal:
            return problem(refusal)
        return Response(written, headers={"content-type": media_type})

    return Starlette(routes=[Route(PATH, answer)])


def gathered(metrics: Metrics, number: int, siblings: Siblings) -> CollectorRegistry:
    """What is read at any process of a service, here at the one of this ``number``, which from now on answers to the
    others."""
    siblings.answer(lambda: _said(metrics.own))
    page = CollectorRegistry(auto_describe=False)
    page.register(_Gathered(metrics, number, siblings))
    return page


class _Gathered(Collector):
    def __init__(self, metrics: Metrics, number: int, siblings: Siblings) -> None:
        self._metrics = metrics
        self._number = number
        self._siblings = siblings

    def collect(self) -> Iterable[Metric]:
        families: dict[str, Metric] = {}
        said = {**self._siblings.ask(), self._number: _said(self._metrics.own)}
        for number in sorted(said):
            for family in _heard(said[number]):
                whole = families.setdefault(
                    family.name, Metric(family.name, family.documentation, family.type)
                )
                for sample in family.samples:
                    whole.add_sample(sample.name, {**sample.labels, PROCESS: str(number)}, sample.value)
        yield from families.values()
        yield from self._metrics.waits.collect()


def _said(own: CollectorRegistry) -> bytes:
    """Figures as one process tells them to another: families, each with its samples."""
    families: list[Any] = [
        [
            family.name,
            family.documentation,
            family.type,
            [[sample.name, sample.labels, sample.value] for sample in family.samples],
        ]
        for family in own.collect()
    ]
    return json.dumps(families).encode()


def _heard(said: bytes) -> Iterable[Metric]:
    for name, documentation, kind, samples in json.loads(said):
        family = Metric(name, documentation, kind)
        for sample in samples:
            family.add_sample(*sample)
        yield family
