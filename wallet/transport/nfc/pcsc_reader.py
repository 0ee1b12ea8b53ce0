"""Readers behind the system's smart card service (PC/SC), through pyscard: ACR122U and the like. Reader side only.

Rule: nothing of pyscard leaves this file. What goes wrong with a card is ``LinkLost`` or the next card; what goes
wrong with the service or a reader is ``DeviceError``.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from wallet.transport.nfc.ports import Deadline, DeviceError, LinkLost, ReaderLink, Trouble

DEVICE: Final = "pcsc"
LIBRARY: Final = "libpcsclite.so.1"
LOOK: Final = 0.1
"""Seconds of one wait for a change; a cancelled tap ends that soon."""


class PcscReader:
    """``device``: ``pcsc``, any reader in which a contactless card appears, or ``pcsc:NAME``, the readers whose name
    holds NAME, with whatever card."""

    def __init__(self, device: str = DEVICE) -> None:
        self._device = device
        self._part = device.partition(":")[2].casefold()

    @contextmanager
    def tap(self, deadline: Deadline) -> Iterator[ReaderLink | None]:
        """``ReaderDevice.tap``. The card is connected exclusively and loses its power in the end.

        ``DeviceError``: PACKAGE_MISSING, LIBRARY_MISSING, SERVICE_STOPPED, NOT_ALLOWED, NOT_FOUND (no such reader),
        BUSY (until the deadline another program had the card that is there).
        """
        with _service(self._device) as service:
            link = _Waiting(service, self._part).next_card(deadline)
            try:
                yield link
            finally:
                if link is not None:
                    link.close()


def pcsc_readers(device: str = DEVICE) -> tuple[str, ...]:
    """The readers that the service has now. ``DeviceError`` as in ``PcscReader.tap``, but none found is none."""
    with _service(device) as service:
        return service.readers()


@dataclass(slots=True)
class _Link:
    """One connected card."""

    scard: Any
    card: int

    def transceive(self, command: bytes) -> bytes:
        """``ReaderLink.transceive``."""
        try:
            status, answer = self.scard.SCardTransmit(self.card, self.scard.SCARD_PCI_T1, list(command))
        except self.scard.error as error:
            raise LinkLost from error
        # A driver whose card has gone may say that it went well, with an answer that lacks its status word.
        if status != self.scard.SCARD_S_SUCCESS or len(answer) < 2:
            raise LinkLost
        return bytes(answer)

    def close(self) -> None:
        self.scard.SCardDisconnect(self.card, self.scard.SCARD_UNPOWER_CARD)


class _Waiting:
    """Looks at all readers that will do, until one has a card that can be spoken to."""

    def __init__(self, service: _Service, part: str) -> None:
        self._service = service
        self._part = part
        self._seen: dict[str, int] = {}
        self._tried: dict[str, float] = {}
        self._is_busy = False

    def next_card(self, deadline: Deadline) -> _Link | None:
        while True:
            left = deadline.left()
            for name, state, atr in self._look(min(LOOK, left)):
                self._seen[name] = state
                if self._is_candidate(state, atr) and self._is_due(name, deadline.clock()):
                    link = self._service.connect(name)
                    if isinstance(link, _Link):
                        return link
                    self._is_busy = link is Trouble.BUSY
            if not left:
                if self._is_busy:
                    raise DeviceError(Trouble.BUSY, self._service.device)
                return None

    def _look(self, seconds: float) -> Sequence[tuple[str, int, bytes]]:
        names = [name for name in self._service.readers() if self._part in name.casefold()]
        if not names:
            raise DeviceError(Trouble.NOT_FOUND, self._service.device)
        return self._service.look([(name, self._seen.get(name, 0)) for name in names], seconds)

    def _is_candidate(self, state: int, atr: bytes) -> bool:
        """A card is there, and it is (unless the reader was named) a contactless one: the smart card that stays in a
        laptop's own slot is nobody who taps."""
        is_there = bool(state & self._service.scard.SCARD_STATE_PRESENT)
        return is_there and (bool(self._part) or _is_contactless(atr))

    def _is_due(self, name: str, now: float) -> bool:
        """A card that did not answer is tried again, but not faster than this."""
        before = self._tried.get(name)
        if before is not None and now - before < LOOK:
            return False
        self._tried[name] = now
        return True


def _is_contactless(atr: bytes) -> bool:
    """PC/SC part 3, section 3.1.3.2.3: how readers present a contactless card."""
    return len(atr) > 4 and atr[0] == 0x3B and atr[1] & 0xF0 == 0x80 and atr[2:4] == b"\x80\x01"


@dataclass(slots=True)
class _Service:
    """The service's calls with their status words judged; ``context`` is pyscard's."""

    scard: Any
    context: int
    device: str

    def readers(self) -> tuple[str, ...]:
        status, names = self.scard.SCardListReaders(self.context, [])
        if status in (self.scard.SCARD_E_NO_READERS_AVAILABLE, self.scard.SCARD_E_READER_UNAVAILABLE):
            return ()
        self._check(status)
        return tuple(names)

    def look(self, readers: list[tuple[str, int]], seconds: float) -> Sequence[tuple[str, int, bytes]]:
        """Name, state and ATR of each, once one differs from the state given or the time is over."""
        scard = self.scard
        status, states = scard.SCardGetStatusChange(self.context, int(seconds * 1000), readers)
        if status in (scard.SCARD_E_UNKNOWN_READER, scard.SCARD_E_READER_UNAVAILABLE):
            return ()
        if status != scard.SCARD_E_TIMEOUT:
            self._check(status)
        return [(name, state, bytes(atr)) for name, state, atr in states]

    def connect(self, name: str) -> _Link | Trouble:
        """The card in that reader: BUSY while another program has it, NOT_FOUND if it does not answer."""
        scard = self.scard
        status, card, _ = scard.SCardConnect(
            self.context, name, scard.SCARD_SHARE_EXCLUSIVE, scard.SCARD_PROTOCOL_T1
        )
        if status == scard.SCARD_S_SUCCESS:
            return _Link(scard, card)
        if status == scard.SCARD_E_SHARING_VIOLATION:
            return Trouble.BUSY
        trouble = _trouble(scard, status)
        if trouble is not None:
            raise DeviceError(trouble, self.device)
        return Trouble.NOT_FOUND

    def _check(self, status: int) -> None:
        if status != self.scard.SCARD_S_SUCCESS:
            raise DeviceError(_trouble(self.scard, status) or Trouble.SERVICE_STOPPED, self.device)


@contextmanager
def _service(device: str) -> Iterator[_Service]:
    scard = _scard(device)
    status, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
    if status != scard.SCARD_S_SUCCESS:
        raise DeviceError(_trouble(scard, status) or Trouble.SERVICE_STOPPED, device)
    try:
        yield _Service(scard, context, device)
    except scard.error as error:
        raise DeviceError(Trouble.SERVICE_STOPPED, device) from error
    finally:
        scard.SCardReleaseContext(context)


def _scard(device: str) -> Any:
    """pyscard's plain calls; it looks for the system's library by itself, and says what it misses to stdout."""
    try:
        ctypes.CDLL(LIBRARY)
    except OSError as error:
        raise DeviceError(Trouble.LIBRARY_MISSING, device) from error
    try:
        from smartcard import scard
    except ImportError as error:
        raise DeviceError(Trouble.PACKAGE_MISSING, device) from error
    return scard


def _trouble(scard: Any, status: int) -> Trouble | None:
    """What ``status`` says of the service; None if it is not the service's trouble."""
    if status in (scard.SCARD_W_SECURITY_VIOLATION, scard.SCARD_E_NO_ACCESS):
        return Trouble.NOT_ALLOWED
    stopped = (
        scard.SCARD_E_NO_SERVICE,
        scard.SCARD_E_SERVICE_STOPPED,
        scard.SCARD_E_INVALID_HANDLE,
        scard.SCARD_F_COMM_ERROR,
    )
    return Trouble.SERVICE_STOPPED if status in stopped else None
