"""A service in front of its callers: its listeners, its background work, and their orderly end.

Rule: every address is bound before anybody is told that the service serves. Work stops once the last caller is
answered, and the stores are closed after that.
"""

from __future__ import annotations

import gc
import socket
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from prometheus_client import CollectorRegistry

from ledger_sync.service.ending import Ending
from ledger_sync.service.figures import figures_app, gathered
from ledger_sync.service.home import Home, Service
from ledger_sync.service.inherited import Inherited, Line
from ledger_sync.service.listeners import Listeners, Shared, bound
from ledger_sync.service.metrics import Metrics
from ledger_sync.service.settings import Address
from ledger_sync.service.threads import Threads
from ledger_sync.service.tls import LOOK_SECONDS, ServerTls, TlsFiles
from ledger_sync.service.wire import WireBounds
from ledger_sync.service.worker import Worker

_GARBAGE: Final = (10_000, 20, 20)
"""Objects more than at the last look for cycles that make the next one; and looks before one that goes deeper."""
_READERS: Final = 4
"""Of the figures, at a time."""


def serve(service: Service, home: Home, ending: Ending, inherited: Inherited | None) -> None:
    """Take calls, and show figures, until somebody has asked for the end. `SettingsError`."""
    config, bounds, listeners = home.config, WireBounds.of_this_process(), Listeners()
    shown = _tls(config, home.folder)
    listeners.add(service.app, _calls(home, inherited), bounds, shown)
    read = None
    if "metrics" in config:
        address = Address.of(config["metrics"])
        read = None if address.is_loopback else _tls(config, home.folder, "metrics_readers")
        at, page = _figures(home.metrics, address, inherited)
        threads = Threads(_READERS, _READERS)
        ending.afterwards(threads.close)
        app = figures_app(page, threads)
        listeners.add(app, at, replace(bounds, lines=_READERS * 2), read)
    ending.calls(listeners.stop)
    certificates = [tls for tls in (shown, read) if tls is not None]
    home.metrics.watch(ends=lambda: [("certificate", tls.ends) for tls in certificates[:1]])
    workers = [*service.workers, *(Worker("certificate", LOOK_SECONDS, tls.look) for tls in certificates)]
    try:
        for worker in workers:
            worker.start(home.metrics.round)
        _rest()
        listeners.serve()
    finally:
        ending.over()
        for worker in workers:
            worker.ask_to_stop()
        for worker in workers:
            worker.stop()
        service.close()


def _rest() -> None:
    """What was made to serve is there until the end, so the collector of cycles need not walk it; what a call makes is
    hardly ever part of one, so it looks but seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_GARBAGE)


def _tls(config: Mapping[str, Any], folder: Path, callers: str = "") -> ServerTls | None:
    if "tls_certificate" not in config:
        return None
    files = TlsFiles(folder / config["tls_certificate"], folder / config["tls_key"])
    return ServerTls(replace(files, callers=folder / config[callers]) if callers in config else files)


def _calls(home: Home, inherited: Inherited | None) -> socket.socket | Shared:
    """Where calls are taken; a worker that has begun to is watched by its supervisor, and watches it."""
    if inherited is None:
        return bound(Address(home.config["host"], home.config["port"]), "port")
    line = Line(inherited)
    line.watch()
    return Shared(socket.socket(fileno=inherited.calls), line.serves)


def _figures(
    metrics: Metrics, address: Address, inherited: Inherited | None
) -> tuple[socket.socket | Shared, CollectorRegistry]:
    """Where figures are read, and which: those of all processes of the service."""
    listener = None if inherited is None else inherited.figures_listener()
    if inherited is None or listener is None:
        return bound(address, "metrics"), metrics.registry
    page = gathered(metrics, inherited.number, inherited.siblings())
    return Shared(listener), page
