"""What a card answers at the edges of its page, command by command: the frozen ``apdu-card.json``.

The wallet behind the card has one message to say, whatever it is asked or handed: 600 bytes, 0 to 255 over and over.
"""

from __future__ import annotations

from typing import Any, Final

from wallet.transport.nfc import Card, apdu, blocks
from wallet.transport.nfc.apdu import CommandApdu, Ins
from wallet.transport.nfc.blocks import Get, Hello, Put, Status
from wallet.transport.nfc.ports import Reply

SAID: Final = bytes(n % 256 for n in range(600))
SELECT: Final = apdu.select()
FIRST, SECOND, THIRD = (bytes([n]) * 440 for n in (1, 2, 3))


class Sayer:
    """A wallet that always says ``SAID``."""

    def current_message(self, ref: bytes) -> Reply:
        return SAID

    def take(self, message: bytes) -> Reply:
        return SAID


def more(block: bytes) -> bytes:
    """An ENVELOPE that more follow."""
    return CommandApdu(apdu.CLA_MORE, Ins.ENVELOPE, 0, 0, block).encode()


def last(block: bytes, expected: int | None = 256) -> bytes:
    """The last or only ENVELOPE."""
    return CommandApdu(apdu.CLA, Ins.ENVELOPE, 0, 0, block, expected).encode()


def command(
    cla: int, ins: int, p1: int = 0, p2: int = 0, data: bytes = b"", expected: int | None = None
) -> bytes:
    return CommandApdu(cla, ins, p1, p2, data, expected).encode()


def put(message: bytes, offset: int = 0, *, until: int | None = None, total: int | None = None) -> bytes:
    """The block of a PUT of ``message`` from ``offset`` on, as far as ``until``."""
    part = blocks.part_of(message, offset)
    whole = blocks.write_command(Put(part))
    head = len(whole) - len(part.data)
    cut = whole if until is None else whole[: head + until - offset]
    return cut if total is None else cut[:9] + total.to_bytes(2, "big") + cut[11:]


def status(message: bytes) -> bytes:
    return last(blocks.write_command(Status(blocks.message_id(message))))


def get(offset: int, message: bytes = SAID) -> bytes:
    return last(blocks.write_command(Get(blocks.message_id(message), offset)))


HELLO: Final = last(blocks.write_command(Hello(b"")))
RESPONSE: Final = apdu.get_response(240)
TORN: Final = [more(put(FIRST, until=200)), more(FIRST[200:300])]
WHOLE: Final = [more(put(FIRST, until=200)), more(FIRST[200:400]), last(FIRST[400:])]


CASES: Final[dict[str, list[bytes]]] = {
    "SELECT without Le": [command(0, Ins.SELECT, 4, 0, apdu.AID)],
    "SELECT with any P2": [command(0, Ins.SELECT, 4, 0x0C, apdu.AID, 256)],
    "SELECT with another P1": [command(0, Ins.SELECT, 0, 0, apdu.AID, 256), HELLO],
    "SELECT without data": [SELECT, command(0, Ins.SELECT, 4, 0, b"", 256), HELLO],
    "SELECT with class 10": [SELECT, command(0x10, Ins.SELECT, 4, 0, apdu.AID, 256), HELLO],
    "GET RESPONSE with class 10": [SELECT, HELLO, command(0x10, Ins.GET_RESPONSE, expected=240), RESPONSE],
    "GET RESPONSE without Le": [SELECT, HELLO, command(0, Ins.GET_RESPONSE), RESPONSE],
    "GET RESPONSE without Le, not selected": [command(0, Ins.GET_RESPONSE)],
    "GET RESPONSE when nothing waits": [SELECT, RESPONSE],
    "an answer in parts: 61xx and 6100": [SELECT, HELLO, apdu.get_response(100), RESPONSE, RESPONSE, RESPONSE],
    "ENVELOPE without Le": [SELECT, last(blocks.write_command(Hello(b"")), None), RESPONSE],
    "ENVELOPE with an Le of 10": [SELECT, last(blocks.write_command(Hello(b"")), 10), RESPONSE],
    "ENVELOPE with an Le above 240": [SELECT, last(blocks.write_command(Hello(b"")), 250)],
    "ENVELOPE without data": [SELECT, command(0, Ins.ENVELOPE, expected=256)],
    "the answer waits after an error": [SELECT, HELLO, command(0, 0xB0), command(0, Ins.ENVELOPE, 1), RESPONSE],
    "SELECT drops the answer that waits": [SELECT, HELLO, SELECT, RESPONSE],
    "another answer takes its place": [SELECT, HELLO, status(FIRST), RESPONSE],
    "HELLO in a chain": [SELECT, more(b"\x01"), last(b"x" * 16)],
    "a chain is given up by an error": [SELECT, more(put(FIRST, until=200)), command(0, 0xB0), last(FIRST[200:])],
    "and its bytes are kept": [SELECT, more(put(FIRST, until=200)), command(0, 0xB0), status(FIRST)],
    "a PUT that brings too much": [SELECT, more(put(FIRST, until=200)), more(FIRST[200:]), last(b"x"), status(FIRST)],
    "a PUT that ends early": [SELECT, more(put(FIRST, until=200)), last(FIRST[200:300]), status(FIRST)],
    "a PUT that is not what its id says": [
        SELECT, more(put(FIRST, until=200)), more(FIRST[200:400]), last(bytes(40)), status(FIRST),
    ],
    "a whole PUT is kept no longer": [SELECT, *WHOLE, status(FIRST)],
    "a torn PUT goes on": [SELECT, *TORN, SELECT, status(FIRST), last(put(FIRST, 300))],
    "a torn PUT goes on from below": [SELECT, *TORN, SELECT, more(put(FIRST, 250, until=260)), SELECT, status(FIRST)],
    "a torn PUT is begun anew": [SELECT, *TORN, SELECT, more(put(FIRST, until=10)), SELECT, status(FIRST)],
    "a PUT above what is here": [SELECT, *TORN, SELECT, more(put(FIRST, 301, until=310)), status(FIRST)],
    "a PUT with another length": [SELECT, *TORN, SELECT, last(put(FIRST, 300, until=310, total=310)), status(FIRST)],
    "a PUT of length 0": [SELECT, last(put(b"x", total=0))],
    "a PUT from its length on": [SELECT, *TORN, SELECT, last(put(FIRST, 300, until=300, total=300))],
    "the third message drops the first": [
        SELECT, *TORN, SELECT, more(put(SECOND, until=200)), SELECT, more(put(THIRD, until=200)), SELECT,
        status(FIRST), status(SECOND), status(THIRD),
    ],
    "GET before anything was said": [SELECT, get(0)],
    "GET twice": [SELECT, HELLO, get(500), get(500)],
    "GET of the last byte": [SELECT, HELLO, get(599)],
    "GET from its length on": [SELECT, HELLO, get(600)],
    "GET of another message": [SELECT, HELLO, get(0, FIRST)],
    "GET in another tap": [SELECT, HELLO, SELECT, get(590)],
}  # fmt: skip


def card() -> dict[str, Any]:
    """The transcript: each case begins with a card that has heard nothing."""
    cases = []
    for note, commands in CASES.items():
        heard = Card(Sayer())
        steps = [{"command": item.hex(), "answer": heard.answer(item).hex()} for item in commands]
        cases.append({"note": note, "steps": steps})
    return {
        "note": "A card whose wallet says one message to everything, commands and answers in order.",
        "said": SAID.hex(),
        "cards": cases,
    }
