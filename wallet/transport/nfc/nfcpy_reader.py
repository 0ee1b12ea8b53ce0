"""A reader that nfcpy drives: PN532, PN533, RC-S380 and, for developers, its simulation over UDP.

Rule: a fresh frontend for each tap, our own sensing (`clf.connect` is slow and leaks exceptions), APDUs as they are:
every status word passes. Whatever goes wrong with a card is ``LinkLost``, with the device ``DeviceError``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from wallet.transport.nfc.nfcpy_device import LINK_ERRORS, Frontend, as_device_error, frontend, nfc
from wallet.transport.nfc.ports import Deadline, LinkLost, ReaderLink

BETWEEN: Final = 0.1
"""Seconds between two looks for a card. A look itself is over within about a second on every device."""
_TYPE_4 = 0x20
"""SEL_RES, ISO/IEC 14443-3 6.5.3.4: the card speaks ISO/IEC 14443-4."""


class NfcpyReader:
    """A ``ReaderDevice``. ``device`` is named as in `nfcpy_device.frontend`; ``udp:`` needs ``is_developer``."""

    def __init__(
        self, device: str, *, is_developer: bool = False, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._device = device
        self._is_developer = is_developer
        self._pause = pause

    @contextmanager
    def tap(self, deadline: Deadline) -> Iterator[ReaderLink | None]:
        with frontend(self._device, is_developer=self._is_developer) as clf:
            tag = self._next_card(clf, deadline)
            yield None if tag is None else _Link(tag, deadline)

    def _next_card(self, clf: Frontend, deadline: Deadline) -> Any:
        while deadline.left() > 0:
            with as_device_error(self._device):
                tag = _activated(clf)
            if tag is not None:
                return tag
            self._pause(min(BETWEEN, deadline.left()))
        return None


class _Link:
    def __init__(self, tag: Any, deadline: Deadline) -> None:
        self._tag = tag
        self._deadline = deadline

    def transceive(self, command: bytes) -> bytes:
        if self._deadline.left() == 0:
            raise LinkLost
        try:
            return bytes(self._tag.transceive(bytearray(command)))
        except LINK_ERRORS as error:
            raise LinkLost from error


def _activated(clf: Frontend) -> Any:
    """One look: the card that is there, its RATS answered. None where there is none, or one that speaks something else,
    or one that was too slow (nfcpy gives RATS 30 ms): the next look finds it again."""
    target = _sensed(clf)
    if target is None or not target.sel_res or not target.sel_res[0] & _TYPE_4:
        return None
    try:
        return nfc.tag.activate(clf, target)
    except (nfc.clf.Error, ValueError, LookupError, TypeError):
        return None


def _sensed(clf: Frontend) -> Any:
    try:
        return clf.sense(nfc.clf.RemoteTarget("106A"))
    except (nfc.clf.CommunicationError, ValueError, LookupError):
        return None
