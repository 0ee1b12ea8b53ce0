"""A card that nfcpy's device plays: PN532, PN533, RC-S380 and, for developers, its simulation over UDP.

Rule: nfcpy has no ISO-DEP card, so it only listens and carries blocks; what they mean is `isodep`'s. One thread, the
radio's, owns the frontend. Answers are made in the thread that called ``serve``, as long as they may take: meanwhile
the radio asks the reader for time.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from threading import Event
from typing import Any, Final

from wallet.transport.nfc import isodep
from wallet.transport.nfc.isodep import ATS, Command, Deselected, Granted, Parameters, Picc, Send, Silent
from wallet.transport.nfc.nfcpy_device import LINK_ERRORS, Frontend, as_device_error, frontend, is_udp, nfc
from wallet.transport.nfc.ports import Deadline, DeviceError, Trouble

LISTEN: Final = 0.5
"""Seconds that one listening takes; between two it is seen whether the tap was cancelled."""
QUIET: Final = 3.0
"""Seconds without a block after which the reader is gone. A real one is missed at once, by its field."""
THINK: Final = 0.15
"""Seconds that a reader waits for an answer without being asked for more: half of what it would."""
THINK_ON: Final = 1.0
"""Seconds that it waits each time it was asked, well below what it granted."""
_SENS_REQ: Final = (b"\x26", b"\x52")


class NfcpyCard:
    """A ``CardDevice``. ``device`` is named as in `nfcpy_device.frontend`; ``udp:`` needs ``is_developer``."""

    def __init__(
        self, device: str, *, is_developer: bool = False, random: Callable[[int], bytes] = os.urandom
    ) -> None:
        self._device = device
        self._is_developer = is_developer
        self._random = random

    def serve(self, answer: Callable[[bytes], bytes], deadline: Deadline) -> bool:
        """As the port says. ``answer`` is called in this thread, and what it raises ends the tap and is raised here;
        ``deadline`` is asked in the radio's."""
        mailbox = _Mailbox()
        with ThreadPoolExecutor(1, "nfc-radio") as pool:
            radio = pool.submit(self._on_air, mailbox, deadline)
            radio.add_done_callback(lambda _: mailbox.commands.put(None))
            try:
                while (command := mailbox.commands.get()) is not None:
                    mailbox.answers.put(answer(command))
            finally:
                mailbox.is_closed.set()
        return radio.result()

    def _on_air(self, mailbox: _Mailbox, deadline: Deadline) -> bool:
        until = Deadline(
            deadline.clock, deadline.at, lambda: mailbox.is_closed.is_set() or deadline.cancelled()
        )
        with frontend(self._device, is_developer=self._is_developer) as clf, as_device_error(self._device):
            while until.left() > 0:
                target = self._activated(clf, min(LISTEN, until.left()))
                if target is not None and _Session(clf, mailbox, until).run(target):
                    return True
        return False

    def _activated(self, clf: Frontend, seconds: float) -> Any:
        """What a reader selected us with; None if none did. 14443-3 6.5.4: a UID of 08 and three random bytes."""
        uid = bytearray(b"\x08" + self._random(3))
        offer = nfc.clf.LocalTarget(
            "106A",
            sens_res=bytearray(b"\x04\x00"),
            sdd_res=uid,
            sel_res=bytearray(b"\x20"),
            rats_res=bytearray(ATS),
        )
        try:
            target = clf.listen(offer, seconds)
        except nfc.clf.UnsupportedTargetError as error:
            raise DeviceError(Trouble.NO_CARD_SIDE, self._device) from error
        except (nfc.clf.CommunicationError, ValueError, LookupError):
            return None
        if target is None and is_udp(self._device) and _is_taken(clf):
            raise DeviceError(Trouble.BUSY, self._device)
        return target


class _Mailbox:
    """Where radio and wallet meet: commands one way, None at the end, answers the other way."""

    def __init__(self) -> None:
        self.commands: SimpleQueue[bytes | None] = SimpleQueue()
        self.answers: SimpleQueue[bytes] = SimpleQueue()
        self.is_closed = Event()

    def answer_within(self, seconds: float) -> bytes | None:
        """The answer to the command under way; None if it takes longer."""
        try:
            return self.answers.get(timeout=seconds)
        except Empty:
            return None


class _Session:
    """One reader, from its first block until it goes."""

    def __init__(self, clf: Frontend, mailbox: _Mailbox, deadline: Deadline) -> None:
        self._clf = clf
        self._desk = mailbox
        self._deadline = deadline
        self._gone_at = 0.0
        self._has_spoken = False

    def run(self, target: Any) -> bool:
        """Whether it has said anything after it had selected us."""
        first = bytes(target.tt4_cmd or b"")
        if not first:
            return False
        self._heard()
        if isodep.is_rats(first):
            # The UDP driver hands us RATS; the others have answered it, and hand us the first block.
            picc, block = Picc(isodep.read_rats(first)), self._exchange(ATS)
        else:
            rats = bytes(target.rats_cmd or b"")
            picc, block = Picc(isodep.read_rats(rats) if isodep.is_rats(rats) else Parameters()), first
        while block is not None:
            block = self._step(picc, block)
        return self._has_spoken

    def _step(self, picc: Picc, block: bytes) -> bytes | None:
        """The block after ``block``; None at the end."""
        step = picc.receive(block)
        if isinstance(step, Silent):
            # A chip keeps these to itself; over UDP it means that another reader begins, ours being gone.
            return None if block in _SENS_REQ else self._exchange(None)
        self._heard()
        self._has_spoken = True
        match step:
            case Send(reply):
                return self._exchange(reply)
            case Command(apdu):
                self._desk.commands.put(apdu)
                return self._exchange(self._answered(picc, THINK))
            case Granted():
                return self._exchange(self._answered(picc, THINK_ON))
            case Deselected(reply):
                self._say_goodbye(reply)
                return None

    def _answered(self, picc: Picc, seconds: float) -> bytes:
        response = self._desk.answer_within(seconds)
        return picc.extend() if response is None else picc.answer(response)

    def _heard(self) -> None:
        self._gone_at = self._deadline.clock() + QUIET

    def _exchange(self, reply: bytes | None) -> bytes | None:
        """``reply`` out, the next block in; None once the reader is gone or the tap is over.

        A block that did not come through whole is no block: ISO/IEC 14443-4 7.5.5, the reader recovers from it.
        """
        while (left := min(self._deadline.left(), self._gone_at - self._deadline.clock())) > 0:
            try:
                block = self._clf.exchange(None if reply is None else bytearray(reply), min(left, LISTEN))
            except nfc.clf.BrokenLinkError:
                return None
            except (nfc.clf.CommunicationError, ValueError, LookupError):
                reply = None
                continue
            return None if block is None else bytes(block)
        return None

    def _say_goodbye(self, reply: bytes) -> None:
        try:
            self._clf.exchange(bytearray(reply), 0)
        except LINK_ERRORS:
            return


def _is_taken(clf: Frontend) -> bool:
    """Whether another process listens on the port: nfcpy then says None at once, as if nobody had come."""
    return bool(clf.device.socket.getsockname()[1] != clf.device.addr[1])
