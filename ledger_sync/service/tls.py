"""TLS as a service speaks it: a certificate that may be renewed while the service runs, and a door for handshakes.

Rule: TLS 1.3 (RFC 8446), nothing older. A renewed certificate counts for the handshakes after it was seen; a pair of
files that does not fit is never taken, the one before stays. A handshake is a line like any other: it has its seconds,
and of too many the one goes that has waited longest.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ledger_sync.service.settings import SettingsError, Why
from ledger_sync.service.wire import Wire, WireBounds

LOOK_SECONDS: Final = 5.0
"""Between two looks at the files."""
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: the certificate with those between it and its authority, its key, which nobody but its owner and
    its group may read; and, where callers have to show a certificate too, the authority of theirs."""

    certificate: Path
    key: Path
    callers: Path | None = None

    @property
    def all(self) -> tuple[Path, ...]:
        return tuple(path for path in (self.certificate, self.key, self.callers) if path is not None)


class ServerTls:
    """What a service shows of itself. Safe to share between threads: what is renewed is put in place by one step."""

    def __init__(self, files: TlsFiles) -> None:
        """`SettingsError` where the files are not there, do not fit, or the key is there for everybody to read."""
        self._files = files
        self._seen = _stamp(files)
        self._context, self._ends = _loaded(files)

    @property
    def context(self) -> ssl.SSLContext:
        """For the next handshake."""
        return self._context

    @property
    def ends(self) -> int:
        """Until when the certificate is good (unix seconds)."""
        return self._ends

    def look(self) -> None:
        """Take what is in the files now, if it is something else and fits."""
        try:
            seen = _stamp(self._files)
            if seen == self._seen:
                return
            self._context, self._ends = _loaded(self._files)
        except SettingsError as error:
            _log.error("a certificate cannot be taken", extra={"setting": error.setting, "code": error.why})
        else:
            self._seen = seen
            _log.info("a certificate is taken", extra={"time": self._ends})


def _stamp(files: TlsFiles) -> tuple[tuple[int, int, int], ...]:
    try:
        found = [path.stat() for path in files.all]
    except OSError as error:
        raise SettingsError("tls_certificate", Why.MISSING) from error
    return tuple((one.st_mtime_ns, one.st_ino, one.st_size) for one in found)


def _loaded(files: TlsFiles) -> tuple[ssl.SSLContext, int]:
    # Only who shows a certificate needs to read one.
    from cryptography import x509

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["http/1.1"])
    try:
        if stat.S_IMODE(files.key.stat().st_mode) & stat.S_IRWXO:
            raise SettingsError("tls_key", Why.EXPOSED)
        # Without this a key under a passphrase would be asked for at the terminal.
        context.load_cert_chain(files.certificate, files.key, password=lambda: "")
        if files.callers is not None:
            context.load_verify_locations(files.callers)
            context.verify_mode = ssl.CERT_REQUIRED
        shown = x509.load_pem_x509_certificates(files.certificate.read_bytes())[0]
    except FileNotFoundError as error:
        raise SettingsError("tls_certificate", Why.MISSING) from error
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise SettingsError("tls_certificate", Why.UNFIT) from error
    return context, int(shown.not_valid_after_utc.timestamp())


class Handshakes:
    """The lines of one listener that are not secured yet, oldest first."""

    def __init__(self, tls: ServerTls, bounds: WireBounds) -> None:
        self._tls = tls
        self._bounds = bounds
        self._open: dict[Door, None] = {}

    def door(self, wire: Callable[[], Wire]) -> asyncio.Protocol:
        """What a new line begins as, which becomes what ``wire`` makes."""
        return Door(self, wire())

    def begin(self, door: Door) -> None:
        """Of too many lines the oldest handshake goes, if need be this one."""
        self._open[door] = None
        if len(self._open) + len(door.wire.connections) > self._bounds.lines:
            next(iter(self._open)).abort()

    def end(self, door: Door) -> None:
        self._open.pop(door, None)

    async def secured(self, door: Door, plain: asyncio.Transport, early: Early) -> asyncio.Transport | None:
        return await asyncio.get_running_loop().start_tls(
            plain,
            early,
            self._tls.context,
            server_side=True,
            ssl_handshake_timeout=self._bounds.header,
            ssl_shutdown_timeout=self._bounds.answer,
        )


class Door(asyncio.Protocol):
    """A line until its handshake is over."""

    def __init__(self, handshakes: Handshakes, wire: Wire) -> None:
        self.wire = wire
        self._handshakes = handshakes
        self._plain: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._plain = transport
        self._task = asyncio.get_running_loop().create_task(self._secure(transport))
        self._handshakes.begin(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._handshakes.end(self)

    def abort(self) -> None:
        """Nobody waits for it any longer."""
        self._handshakes.end(self)
        if self._plain is not None:
            self._plain.abort()

    async def _secure(self, plain: asyncio.Transport) -> None:
        early = Early()
        try:
            secured = await self._handshakes.secured(self, plain, early)
        except OSError:  # no TLS, none that we speak, no certificate, too slow, gone: a stranger's own affair
            plain.abort()
            return
        finally:
            self._handshakes.end(self)
        if secured is None:
            return
        self.wire.beneath = plain
        self.wire.connection_made(secured)
        secured.set_protocol(self.wire)
        early.hand_over(self.wire)


class Early(asyncio.Protocol):
    """Keeps what comes in the same breath as the end of the handshake, before anybody reads it."""

    def __init__(self) -> None:
        self._came = b""
        self._has_ended = False
        self._lost: list[Exception | None] = []

    def data_received(self, data: bytes) -> None:
        self._came += data

    def eof_received(self) -> None:
        self._has_ended = True

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost.append(exc)

    def hand_over(self, wire: Wire) -> None:
        if self._came:
            wire.data_received(self._came)
        if self._has_ended:
            wire.eof_received()
        for exc in self._lost:
            wire.connection_lost(exc)
