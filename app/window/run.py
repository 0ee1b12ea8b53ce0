"""One run of the app: wallet, presenters, camera and window put together, and taken apart in the end."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

from kivy.clock import Clock

from app.camera.devices import cameras
from app.camera.scanner import Scanner
from app.engine.engine import Engine
from app.engine.source import PlaceSource
from app.engine.taps import Devices, in_thread
from app.engine.worker import ThreadWorker
from app.presenters.container import AppContainer, assemble
from app.wallets.offline import NETWORK
from app.wallets.opened import system_clock
from app.wallets.places import Home, WalletDir
from app.window.__main__ import Options
from app.window.app import QaltaApp
from app.window.outside import prefers_dark
from wallet.transport.nfc.devices import READERS, open_card, open_reader

NAME = "Qalta"
_SIMULATED = ("udp:", "vpcd:")


def run(options: Options) -> int:
    """Until the window is closed; returns the exit status. What the wallet was doing is finished before."""
    stopping = _Stopping()
    home = Home(options.home)
    place = home.wallet(options.wallet)
    with ExitStack() as stack:
        presenters = _container(options, home, place)
        stack.callback(presenters.close)
        _use(presenters, options)
        scanner = Scanner(lambda: presenters.settings.view.camera, post)
        stack.callback(scanner.stop)
        holder = place.profile().name if place.is_made else ""
        app = QaltaApp(
            presenters,
            scanner,
            options.home / "prints",
            title=f"{NAME} · {holder}" if holder else NAME,
            is_made=place.is_made,
            is_dark_outside=prefers_dark(),
            tick=lambda: presenters.tick(presenters.engine.now()),
        )
        _developers_tools(options, app, stack)
        stopping.of(app)
        app.run()
    return 0


def post(news: Callable[[], None]) -> None:
    """From any thread: have ``news`` called in the window's, soon and in order."""
    Clock.schedule_once(lambda _: news())


def _container(options: Options, home: Home, place: WalletDir) -> AppContainer:
    source = PlaceSource(place, system_clock, os.urandom)
    engine = Engine(source, ThreadWorker(), post, system_clock, caller=ThreadWorker("calls"))
    devices = Devices(
        partial(open_reader, developer=options.is_developer),
        partial(open_card, developer=options.is_developer),
        in_thread,
        radio=lambda name: NETWORK.radio_over_loopback(name.startswith(_SIMULATED)),
    )
    return assemble(
        engine,
        place.folder,
        devices,
        holder=place.profile().name if place.is_made else "",
        sandbox=home.sandbox if home.sandbox.is_dir() else None,
        cameras=tuple(found.name for found in cameras()) or ("0",),
        readers=READERS,
    )


def _use(presenters: AppContainer, options: Options) -> None:
    wanted = {"language": options.language, "camera": options.camera, "reader": options.reader}
    presenters.settings.use(**{name: value for name, value in wanted.items() if value is not None})


def _developers_tools(options: Options, app: QaltaApp, stack: ExitStack) -> None:
    if options.publish is not None:
        from app.window.pixels import WindowPixels

        stack.callback(WindowPixels(options.publish).close)
    if options.driver is not None:
        from app.window.driver import Driver

        stack.callback(Driver(options.driver, app).close)


class _Stopping:
    """SIGTERM and SIGINT close the window as its own button does; before there is a window, they end the process."""

    def __init__(self) -> None:
        self._app: QaltaApp | None = None
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._asked)

    def of(self, app: QaltaApp) -> None:
        self._app = app

    def _asked(self, number: int, _frame: Any) -> None:
        app = self._app
        if app is None:
            raise SystemExit(128 + number)
        Clock.schedule_once(lambda _: app.stop())
