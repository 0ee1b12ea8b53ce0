"""`python -m app.window`: one window on one wallet, started by `qalta app`.

    --home DIR --wallet NAME [--lang kk|ru|en] [--camera NAME] [--reader NAME] [--position X,Y] [--size WxH]
    --developer [--publish FILE]        a sandbox's windows only: simulated readers, and the window's pixels in a file

Names of cameras are those of `app.camera.devices`, of readers those of `wallet.transport.nfc.devices`. The environment
may name the file of pixels (QALTA_APP_PUBLISH) and a socket for remote control (QALTA_APP_DRIVER, see `driver`); both
are looked at with --developer only. Kivy takes its own arguments and settings from nowhere. SIGTERM closes the window.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.window.environment import SIZE, prepare


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a window was started with. None: as the wallet's own settings say, or not at all."""

    home: Path
    wallet: str
    language: str | None
    camera: str | None
    reader: str | None
    size: tuple[int, int]
    position: tuple[int, int] | None
    is_developer: bool
    publish: Path | None
    driver: Path | None


def read_options(arguments: Sequence[str]) -> Options:
    """Exits with status 2 where they cannot be understood."""
    parser = argparse.ArgumentParser(prog="app.window", allow_abbrev=False)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--wallet", required=True)
    parser.add_argument("--lang")
    parser.add_argument("--camera")
    parser.add_argument("--reader")
    parser.add_argument("--size", type=lambda text: _pair(text, "x"), default=SIZE)
    parser.add_argument("--position", type=lambda text: _pair(text, ","))
    parser.add_argument("--developer", action="store_true")
    parser.add_argument("--publish", type=Path)
    given = parser.parse_args(arguments)
    publish = given.publish or _path("QALTA_APP_PUBLISH")
    return Options(
        home=given.home,
        wallet=given.wallet,
        language=given.lang,
        camera=given.camera,
        reader=given.reader,
        size=given.size,
        position=given.position,
        is_developer=given.developer,
        publish=publish if given.developer else None,
        driver=_path("QALTA_APP_DRIVER") if given.developer else None,
    )


def _pair(text: str, between: str) -> tuple[int, int]:
    first, second = text.split(between)
    return int(first), int(second)


def _path(variable: str) -> Path | None:
    return Path(name) if (name := os.environ.get(variable)) else None


def main(arguments: Sequence[str]) -> int:
    options = read_options(arguments)
    prepare(options.home / "window" / options.wallet, options.size, options.position)
    from app.window.run import run

    return run(options)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
