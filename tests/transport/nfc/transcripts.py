"""Golden transcripts: the APDUs of whole payments by tap between two wallets of one fixed world, byte by byte.

``python -m tests.transport.nfc.transcripts`` writes tests/vectors/apdu-*.json anew; SPEC section 9 says what is
in them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from tests.session.holders import MemoryPlace
from tests.session.pairs import Pair
from tests.session.transcripts import FOLDER, Transcript, kind, text
from tests.transport.nfc.aged import aged_pair
from tests.transport.nfc.edges import card
from tests.transport.nfc.strange import AFTER_SELECT, BEFORE_SELECT
from tests.transport.nfc.taps import Taps
from wallet.tapping import PayeeTap, PayerTap
from wallet.transport.nfc import TapEnd, apdu
from wallet.transport.nfc.ports import Reply

ONE_POLL = 0.15
"""Seconds of a tap that leave time for one HELLO after PENDING."""
COMMAND_LOST, ANSWER_LOST = "command lost", "answer lost"
_CUTS = {COMMAND_LOST: "before", ANSWER_LOST: "after"}


R = TypeVar("R")


class Noted:
    """A wallet in either role; what it says is written down once."""

    def __init__(self, who: str, end: PayerTap | PayeeTap, said: list[dict[str, str]]) -> None:
        self._who, self._end, self._said = who, end, said

    def __getattr__(self, name: str) -> Any:
        return getattr(self._end, name)

    def current_message(self, ref: bytes) -> Reply:
        reply: Reply = self._note(self._end.current_message(ref))
        return reply

    def take(self, message: bytes) -> Reply:
        reply: Reply = self._note(self._end.take(message))
        return reply

    def to_send(self) -> bytes | None:
        reply: bytes | None = self._note(self._end.to_send())
        return reply

    def _note(self, reply: R) -> R:
        if isinstance(reply, bytes):
            message = {"by": self._who, "kind": kind(reply), "hex": reply.hex()}
            if message not in self._said:
                self._said.append(message)
        return reply


class Scribe:
    """Lets a pair tap and writes down what passes."""

    def __init__(self, note: str, pair: Pair, *, payer_reads: bool) -> None:
        self._note = note
        self._said: list[dict[str, str]] = []
        self.steps: list[dict[str, str | int]] = []
        self.taps = listening(Taps(pair, payer_reads=payer_reads), self._said)

    def tap(self, torn_at: int | None = None, how: str = ANSWER_LOST) -> TapEnd:
        end = self.taps.tap(lambda n: _CUTS[how] if n == torn_at else None, seconds=ONE_POLL)
        for command, answer in self.taps.field.log:
            outcome = {"torn": how} if answer is None else {"answer": answer.hex()}
            self.steps.append({"command": command.hex(), **outcome})
        return end

    def confirm(self) -> None:
        self.steps.append({"payer": "confirms", "amount": self.taps.pair.request.body.amount})
        self.taps.agree()

    def written(self) -> Transcript:
        pair = self.taps.pair
        world = pair.place.world
        return {
            "note": self._note,
            "reader": "payer" if self.taps.payer_reads else "payee",
            "context": {
                "root": world.root.public.hex(),
                "directory": world.signed_directory().encode().hex(),
                "now": world.now,
            },
            "steps": self.steps,
            "messages": self._said,
            "ends": {
                "payer": pair.payer.state.value,
                "payee": pair.payee.state.value,
                "received": pair.received,
            },
        }


def listening(taps: Taps, said: list[dict[str, str]]) -> Taps:
    """The same taps, where what both wallets say is heard."""
    reads, answers = ("payer", "payee") if taps.payer_reads else ("payee", "payer")
    reader, card = taps.tapper._conversation, taps.card._responder
    taps.tapper._conversation = Noted(reads, reader, said)  # type: ignore[arg-type]
    taps.card._responder = Noted(answers, card, said)  # type: ignore[arg-type]
    return taps


def two_taps(note: str, hops: int, *, payer_reads: bool) -> Transcript:
    scribe = Scribe(note, aged_pair(MemoryPlace(), hops), payer_reads=payer_reads)
    scribe.tap()
    scribe.confirm()
    assert scribe.tap() is TapEnd.OVER
    return scribe.written()


def payer_reads() -> Transcript:
    return two_taps(
        "The payer's reader at the payee's card; the person says yes between two taps.", 1, payer_reads=True
    )


def payee_reads() -> Transcript:
    return two_taps(
        "The payee's reader at the payer's card; the person says yes between two taps.", 1, payer_reads=False
    )


def fifteen_hops() -> Transcript:
    return two_taps("A payment of the last hop, in the longest chains.", 15, payer_reads=True)


def payer_reads_torn() -> Transcript:
    """In the middle of the payment on its way out, and once more before the receipt is heard."""
    note = (
        "Torn while the payment goes out, and before the receipt is heard: STATUS, then the rest; then HELLO."
    )
    scribe = Scribe(note, aged_pair(MemoryPlace(), 3), payer_reads=True)
    scribe.tap()
    scribe.confirm()
    assert scribe.tap(4) is TapEnd.TORN
    assert scribe.tap(4, COMMAND_LOST) is TapEnd.TORN
    assert scribe.tap(4) is TapEnd.TORN
    assert scribe.tap() is TapEnd.OVER
    return scribe.written()


def payee_reads_torn() -> Transcript:
    """In the middle of the payment on its way in, and in the receipt."""
    note = (
        "Torn while request and receipt go out and the payment comes in: STATUS, then the rest; GET the rest."
    )
    scribe = Scribe(note, aged_pair(MemoryPlace(), 3), payer_reads=False)
    assert scribe.tap(2, COMMAND_LOST) is TapEnd.TORN
    scribe.tap()
    scribe.confirm()
    assert scribe.tap(4) is TapEnd.TORN
    assert scribe.tap(5) is TapEnd.TORN
    assert scribe.tap() is TapEnd.OVER
    return scribe.written()


def strangers() -> Transcript:
    select = apdu.select().hex()
    rows: Sequence[tuple[list[str], dict[str, tuple[str, str]]]] = (
        ([], BEFORE_SELECT),
        ([select], AFTER_SELECT),
    )
    return {
        "note": "A stranger's commands: to a card that has heard only those of after, command is answered by status.",
        "invalid": [
            {"note": name, "after": after, "command": command, "status": status}
            for after, cases in rows
            for name, (command, status) in cases.items()
        ],
    }


TRANSCRIPTS: dict[str, Callable[[], Transcript]] = {
    "apdu-payer-reads": payer_reads,
    "apdu-payee-reads": payee_reads,
    "apdu-payer-reads-torn": payer_reads_torn,
    "apdu-payee-reads-torn": payee_reads_torn,
    "apdu-fifteen-hops": fifteen_hops,
    "apdu-strangers": strangers,
    "apdu-card": card,
}
PAYMENTS = [name for name in TRANSCRIPTS if name not in ("apdu-strangers", "apdu-card")]


def frozen(name: str) -> Transcript:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))  # type: ignore[no-any-return]


if __name__ == "__main__":
    for name, make in TRANSCRIPTS.items():
        (FOLDER / f"{name}.json").write_text(text(make()), encoding="utf-8")
