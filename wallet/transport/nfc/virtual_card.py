"""A card that a real smart card service sees in a virtual reader: the card's end of vpcd's protocol, over TCP.

Rule: for developers. What passes on the socket is what a reader would say to a phone, and nothing protects it.

Protocol (vsmartcard): two bytes of length, big-endian, then so many bytes. One byte from the reader is a control: 0
power off, 1 power on, 2 reset, 4 asks for the ATR; anything longer is an APDU and is answered.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import Final

from wallet.transport.nfc.ports import Deadline, DeviceError, Trouble

ATR: Final = bytes.fromhex("3b80800101")
"""A contactless card without historical bytes (PC/SC part 3), as readers present a phone that emulates a card."""
SLICE: Final = 0.1
"""Seconds of one wait; a cancelled tap ends that soon."""
UNSEEN: Final = 3
"""Questions for the ATR without power after which the reader has not noticed that the card came. A service looks every
0.4 s; pcscd 1.9 takes a card that was away for less, in the middle of an APDU, for gone from then on."""
_OFF, _ON, _RESET, _ASK_ATR = b"\x00", b"\x01", b"\x02", b"\x04"
_HEAD = 2


class _End(Enum):
    """Of one time in the field."""

    READER_CAME = "a reader came"
    NOBODY_CAME = "nobody came"
    UNSEEN = "the reader has not noticed the card"


class VirtualCard:
    """A ``CardDevice``. The reader is the one whose vpcd listens at ``host``:``port``; to connect is to come near."""

    def __init__(self, host: str, port: int, atr: bytes = ATR) -> None:
        """``atr``: the bytes by which a card says what it is."""
        self._host = host
        self._port = port
        self._atr = atr

    def serve(self, answer: Callable[[bytes], bytes], deadline: Deadline) -> bool:
        """``CardDevice.serve``: until the reader that sent an APDU takes the power away. ``DeviceError``: NOT_FOUND."""
        while (end := self._come_near(answer, deadline)) is _End.UNSEEN:
            pass
        return end is _End.READER_CAME

    def _come_near(self, answer: Callable[[bytes], bytes], deadline: Deadline) -> _End:
        try:
            line = socket.create_connection((self._host, self._port), timeout=SLICE)
        except TimeoutError:
            # The service still has the card that was here before.
            return _End.UNSEEN if deadline.left() else _End.NOBODY_CAME
        except OSError as error:
            raise DeviceError(Trouble.NOT_FOUND, f"vpcd:{self._host}:{self._port}") from error
        with line:
            line.settimeout(SLICE)
            return _Session(line, answer, self._atr).run(deadline)


class _Session:
    """One time in the field."""

    def __init__(self, line: socket.socket, answer: Callable[[bytes], bytes], atr: bytes) -> None:
        self._line = line
        self._atr = atr
        self._answer = answer
        self._held = b""
        self._looks = 0
        self._has_power = False

    def run(self, deadline: Deadline) -> _End:
        """Until the reader that spoke lets go, or the time is over."""
        end = _End.NOBODY_CAME
        while (message := self._receive(deadline)) is not None:
            if len(message) > 1:
                end = _End.READER_CAME
                self._send(self._answer(message))
            elif message == _ASK_ATR:
                if not self._show():
                    return _End.UNSEEN
            elif message == _ON:
                self._has_power = True
            elif end is _End.READER_CAME and message in (_OFF, _RESET):
                break
        return end

    def _show(self) -> bool:
        """Give the ATR; none, so that the reader sees an empty field, if it looks in vain."""
        self._looks += 1
        is_seen = self._has_power or self._looks <= UNSEEN
        self._send(self._atr if is_seen else b"")
        return is_seen

    def _receive(self, deadline: Deadline) -> bytes | None:
        """The next message; None when the reader is gone or the time is over."""
        while (message := self._whole()) is None:
            if not deadline.left():
                return None
            try:
                _acknowledge_at_once(self._line)
                piece = self._line.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                return None
            if not piece:
                return None
            self._held += piece
        return message

    def _whole(self) -> bytes | None:
        end = _HEAD + int.from_bytes(self._held[:_HEAD], "big")
        if len(self._held) < end:
            return None
        message, self._held = self._held[_HEAD:end], self._held[end:]
        return message

    def _send(self, message: bytes) -> None:
        """A reader that is gone is noticed at the next ``_receive``."""
        with suppress(OSError):
            self._line.sendall(len(message).to_bytes(_HEAD, "big") + message)


def _acknowledge_at_once(line: socket.socket) -> None:
    """vpcd sends length and body apart, and the kernel holds the second back until the first is acknowledged: 44 ms an
    APDU if the acknowledgement is delayed. The setting does not last, so it is made before each wait."""
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
