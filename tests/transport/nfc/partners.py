"""Wallets with no money in them, for tests of the pipe alone: what they heard is kept, what they say is set."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from wallet.transport.nfc import apdu
from wallet.transport.nfc.apdu import ResponseApdu, Sw
from wallet.transport.nfc.blocks import Nothing
from wallet.transport.nfc.ports import Reply

REF = b"the ref of it..."
SELECTED = ResponseApdu(bytes.fromhex("01f00001"), Sw.OK).encode()


@dataclass
class Partner:
    """Behind a card: ``says`` is what stands for ``REF`` and for nobody in particular, ``replies`` what each message
    gets. Behind a reader: the same, until ``is_over``."""

    says: Reply = field(default_factory=Nothing)
    replies: Callable[[bytes], Reply] = lambda message: Nothing()
    heard: list[bytes] = field(default_factory=list)
    ref: bytes = REF
    introduces: bool = False
    is_over: bool = False
    waits_for_person: bool = False

    def current_message(self, ref: bytes) -> Reply:
        return self.says if ref in (b"", self.ref) else Nothing()

    def take(self, message: bytes) -> Reply:
        self.heard.append(message)
        return self.replies(message)

    def to_send(self) -> bytes | None:
        return self.says if isinstance(self.says, bytes) else None

    def delivered(self, message: bytes) -> None:
        pass


def fetch(transceive: Callable[[bytes], bytes], block: bytes) -> bytes:
    """An honest reader's exchange: a command there in ENVELOPEs, its whole answer back."""
    *chain, last = apdu.envelopes(block)
    for piece in chain:
        assert transceive(piece) == b"\x90\x00"
    answer = ResponseApdu(b"", 0)
    whole = b""
    command = last
    while True:
        raw = transceive(command)
        answer = apdu.read_response(raw) or answer
        whole += answer.data
        if not answer.waiting:
            assert answer.sw == Sw.OK, raw.hex()
            return whole
        command = apdu.get_response(min(answer.waiting, apdu.CHUNK))
