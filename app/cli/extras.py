"""Which extra of the package brings a module that is not installed: what is said in place of a traceback."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from app.terminal.status import MissingPart

_EXTRA_OF: Final = {
    "starlette": "service",
    "uvicorn": "service",
    "prometheus_client": "service",
    "pythonjsonlogger": "service",
    "nfc": "nfc",
    "smartcard": "pcsc",
    "kivy": "app",
    "kivymd": "app",
    "cv2": "app",
    "zxingcpp": "zxing",
    "psycopg": "postgres",
    "psycopg_pool": "postgres",
}


def require_extras(*extras: str) -> None:
    """MissingPart, with all that is missing in one line, where a package of one of these extras is not installed."""
    wanted = {name: extra for name, extra in _EXTRA_OF.items() if extra in extras}
    missing = [name for name in wanted if find_spec(name) is None]
    if missing:
        install = ",".join(dict.fromkeys(wanted[name] for name in missing))
        raise MissingPart("missing.extra", name=", ".join(missing), extra=install)


def extra_missing(error: ImportError) -> MissingPart | None:
    """What to install, or None where the module is none of an extra's."""
    name = (error.name or "").split(".")[0]
    extra = _EXTRA_OF.get(name)
    return None if extra is None else MissingPart("missing.extra", name=name, extra=extra)
