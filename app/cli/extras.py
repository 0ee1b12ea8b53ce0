"""Which extra of the package brings a module that is not installed: what is said in place of a traceback."""

from __future__ import annotations

from typing import Final

from app.cli.status import MissingPart

_EXTRA_OF: Final = {
    "starlette": "service",
    "uvicorn": "service",
    "nfc": "nfc",
    "usb1": "nfc",
    "serial": "nfc",
    "smartcard": "pcsc",
    "kivy": "app",
    "kivymd": "app",
    "cv2": "app",
    "zxingcpp": "zxing",
    "asyncpg": "postgres",
}


def extra_missing(error: ImportError) -> MissingPart | None:
    """What to install, or None where the module is none of an extra's."""
    name = (error.name or "").split(".")[0]
    extra = _EXTRA_OF.get(name)
    return None if extra is None else MissingPart("missing.extra", name=name, extra=extra)
