"""A service's settings: the file `service.json` of its home folder, and the environment, which goes before it.

Rule: a setting `x` of the list stands in `QALTA_SERVICE_X`, as text, or as JSON where it is more than one word. A name
that is in no list is refused, since whoever wrote it meant something. No secret is a setting: a PIN, and a database's
password, come by a file that only its owner may read, or by a descriptor; where one stands here it is refused, and not
repeated. A listener that others can reach speaks TLS, and so does every peer on another machine.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlsplit

CONFIG: Final = "service.json"
PREFIX: Final = "QALTA_SERVICE_"
_BY_ITSELF: Final = frozenset({"home", "pin_file", "clock_offset"})
"""What is read from the environment only, before or beside the settings: where the home folder and the PIN are; how
wrong a sandbox's clock is."""
_SECRET: Final = ("pin", "password", "secret", "passphrase")


class Why(StrEnum):
    """Why a service does not start with a setting."""

    UNKNOWN = "setting_unknown"
    MISSING = "setting_missing"
    UNFIT = "setting_unfit"
    SECRET = "setting_secret"
    """It holds what has to come by a file or a descriptor."""
    EXPOSED = "setting_exposed"
    """A file that is to be secret can be read by everybody."""
    PLAIN = "setting_plain"
    """Others would be spoken with, or could listen, without TLS."""
    TAKEN = "setting_taken"
    """Somebody else listens there."""


class SettingsError(Exception):
    """A setting with which a service does not start. Its value is not told."""

    def __init__(self, setting: str, why: Why) -> None:
        super().__init__(f"{setting}: {why.value}")
        self.setting = setting
        self.why = why
        self.code = why
        self.filename: str | None = None
        """The file in which it stands, or could."""


class Form(StrEnum):
    """How a setting is written in the environment."""

    TEXT = "text"
    NUMBER = "number"
    KEY = "33 bytes in hexadecimal"
    URL = "http://host:port, https://host"
    URLS = "a URL, or JSON {prefix: URL}"
    ADDRESS = "host:port"
    FILE = "a path, from the home folder"
    JSON = "JSON"


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting of a role, or of every role."""

    name: str
    form: Form = Form.TEXT
    is_needed: bool = False

    @property
    def variable(self) -> str:
        return PREFIX + self.name.upper()

    def read(self, text: str) -> Any:
        """Its value in the environment as it would stand in the file. `SettingsError`."""
        try:
            return _READ[self.form](text)
        except ValueError:
            raise SettingsError(self.name, Why.UNFIT) from None


COMMON: Final = (
    Setting("host", is_needed=True),
    Setting("port", Form.NUMBER, is_needed=True),
    Setting("authority"),
    Setting("operator", Form.KEY, is_needed=True),
    Setting("tls_certificate", Form.FILE),
    Setting("tls_key", Form.FILE),
    Setting("ca", Form.FILE),
    Setting("metrics", Form.ADDRESS),
    Setting("metrics_readers", Form.FILE),
    Setting("database", Form.URL),
    Setting("log_level"),
    Setting("limits", Form.JSON),
)
"""What every role has."""
WORKERS: Final = Setting("workers", Form.NUMBER)
"""Of a role that may be several processes: how many."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a listener is bound."""

    host: str
    port: int

    @classmethod
    def of(cls, text: str) -> Self:
        """Of ``host:port``, an IPv6 address in brackets. `ValueError`."""
        host, colon, port = text.rpartition(":")
        if not colon or not host:
            raise ValueError("not host:port")
        return cls(host.removeprefix("[").removesuffix("]"), int(port))

    @property
    def is_loopback(self) -> bool:
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether nobody on another machine is meant. Of names only localhost: where another leads may change."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_settings(path: Path, environment: Mapping[str, str], known: Sequence[Setting]) -> Mapping[str, Any]:
    """The settings in the file and in the environment, which may hold all of them: then there need be no file.

    `SettingsError`; `OSError`: a file that is unreadable or damaged (EBADMSG).
    """
    by_variable = {setting.variable: setting for setting in known}
    given: dict[str, Any] = {}
    for variable in sorted(environment):
        if not variable.startswith(PREFIX):
            continue
        name = variable.removeprefix(PREFIX).lower()
        setting = by_variable.get(variable)
        if setting is not None:
            given[name] = setting.read(environment[variable])
        elif name not in _BY_ITSELF:
            raise SettingsError(name, Why.SECRET if name in _SECRET else Why.UNKNOWN)
    held = read_json(path) if path.exists() or not given else {}
    return {**held, **given}


def check_settings(config: Mapping[str, Any], known: Sequence[Setting]) -> None:
    """That a service may start with these. `SettingsError`."""
    _check_names(config, known)
    has_tls = "tls_certificate" in config
    if has_tls != ("tls_key" in config):
        raise SettingsError("tls_key" if has_tls else "tls_certificate", Why.MISSING)
    if not has_tls and not is_loopback(str(config["host"])):
        raise SettingsError("host", Why.PLAIN)
    _check_figures(config, has_tls=has_tls)
    _check_database(str(config.get("database", "")))
    for name, url in _urls(config):
        parts = urlsplit(url)
        if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
            raise SettingsError(name, Why.PLAIN)


def _check_names(config: Mapping[str, Any], known: Sequence[Setting]) -> None:
    names = {setting.name for setting in known}
    for name in config:
        if name not in names:
            raise SettingsError(name, Why.SECRET if name in _SECRET else Why.UNKNOWN)
    for setting in known:
        if setting.is_needed and setting.name not in config:
            raise SettingsError(setting.name, Why.MISSING)


def _check_figures(config: Mapping[str, Any], *, has_tls: bool) -> None:
    """Beyond loopback the figures are read over mutual TLS only."""
    if "metrics" not in config:
        return
    try:
        address = Address.of(str(config["metrics"]))
    except ValueError:
        raise SettingsError("metrics", Why.UNFIT) from None
    if not address.is_loopback and not (has_tls and "metrics_readers" in config):
        raise SettingsError("metrics", Why.PLAIN)


def _check_database(url: str) -> None:
    try:
        parts = urlsplit(url)
        has_password = parts.password is not None or "password" in parse_qs(parts.query)
    except ValueError:
        raise SettingsError("database", Why.UNFIT) from None
    if has_password:
        raise SettingsError("database", Why.SECRET)


def _urls(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The addresses of peers, by the setting in which they stand."""
    for name in ("central_bank", "notary", "banks"):
        for url in _found(config.get(name)):
            yield name, url


def _found(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if name not in ("key", "id", "name"):
                yield from _found(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _found(inner)


def _key(text: str) -> str:
    if len(bytes.fromhex(text)) != 33:
        raise ValueError
    return text


def _url(text: str) -> str:
    if not urlsplit(text).scheme:
        raise ValueError
    return text


def _urls_of(text: str) -> Any:
    return json.loads(text) if text.startswith("{") else _url(text)


def _address(text: str) -> str:
    Address.of(text)
    return text


_READ: Final[Mapping[Form, Callable[[str], Any]]] = {
    Form.TEXT: str,
    Form.NUMBER: int,
    Form.KEY: _key,
    Form.URL: _url,
    Form.URLS: _urls_of,
    Form.ADDRESS: _address,
    Form.FILE: str,
    Form.JSON: json.loads,
}


def read_json(path: Path) -> Mapping[str, Any]:
    """The object in a file. ``OSError``: missing, unreadable, or damaged (EBADMSG)."""
    raw = path.read_bytes()
    with sound(path):
        held = json.loads(raw)
        if not isinstance(held, dict):
            raise TypeError("no object")
        return held


@contextmanager
def sound(path: Path) -> Iterator[None]:
    """Taking out of a file's content what must be there: whatever fails in the block means that it is damaged."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise OSError(errno.EBADMSG, f"damaged ({error!r:.80})", str(path)) from error
