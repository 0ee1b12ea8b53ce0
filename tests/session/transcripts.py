"""Golden transcripts: what two wallets of one fixed world say to each other, byte by byte.

``python -m tests.session.transcripts`` writes tests/vectors/session-*.json anew. Each is a JSON object: ``note``;
``context`` (what a second implementation needs to judge it); ``steps``, each a local act (``payer``/``payee``: what
the person does) or a message (``from``, ``kind``, ``hex``); ``ends``: the states and tiyn received at the end.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.session.pairs import AMOUNT, LATE, Pair
from wallet.session import messages
from wallet.session.messages import PaymentMessage, ProblemMessage, ReceiptMessage

FOLDER = Path(__file__).parents[1] / "vectors"
Transcript = dict[str, Any]


class Scribe:
    """Lets a pair talk and writes down what is said."""

    def __init__(self, note: str, pair: Pair) -> None:
        self.pair = pair
        self.note = note
        self.steps: list[dict[str, str | int]] = []

    def payee_says(self) -> None:
        self._say("payee", self.pair.payee.bytes_to_send(), self.pair.to_payer)

    def payer_says(self) -> None:
        self._say("payer", self.pair.payer.bytes_to_send(), self.pair.to_payee)

    def payer_replies(self) -> None:
        self._say("payer", self.pair.payer.reply(), self.pair.to_payee)

    def confirm(self, amount: int = AMOUNT) -> None:
        self.steps.append({"payer": "confirms", "amount": amount})
        self.pair.agree(amount)

    def decline(self) -> None:
        self.steps.append({"payer": "declines"})
        self.pair.payer.decline()

    def clock_is_late(self) -> None:
        self.steps.append({"payee": "has its clock ahead", "seconds": LATE})
        self.pair.shop.run_ahead(LATE)

    def _say(self, who: str, raw: bytes | None, hear: Callable[[bytes], None]) -> None:
        assert raw is not None
        self.steps.append({"from": who, "kind": kind(raw), "hex": raw.hex()})
        hear(raw)

    def written(self) -> Transcript:
        world = self.pair.place.world
        return {
            "note": self.note,
            "context": {
                "root": world.root.public.hex(),
                "directory": world.signed_directory().encode().hex(),
                "now": world.now,
            },
            "steps": self.steps,
            "ends": {
                "payer": self.pair.payer.state.value,
                "payee": self.pair.payee.state.value,
                "received": self.pair.received,
            },
        }


def kind(raw: bytes) -> str:
    match messages.decode(raw):
        case PaymentMessage():
            return "payment"
        case ReceiptMessage():
            return "receipt"
        case ProblemMessage():
            return "problem"
        case _:
            return "request"


def accepted() -> Transcript:
    scribe = Scribe(
        "A payment of a fixed amount; the request comes a second time and changes nothing.", Pair.of()
    )
    scribe.payee_says()
    scribe.payee_says()
    scribe.confirm()
    scribe.payer_says()
    scribe.payee_says()
    return scribe.written()


def open_amount() -> Transcript:
    scribe = Scribe("An open amount: the payer names less than the ceiling.", Pair.of(is_open=True))
    scribe.payee_says()
    scribe.confirm(70_000)
    scribe.payer_says()
    scribe.payee_says()
    return scribe.written()


def refused() -> Transcript:
    scribe = Scribe(
        "Valid, and refused by the payee: by its clock the payer's certificate has expired.", Pair.of()
    )
    scribe.payee_says()
    scribe.confirm()
    scribe.clock_is_late()
    scribe.payer_says()
    scribe.payee_says()
    return scribe.written()


def declined() -> Transcript:
    scribe = Scribe("The person declines; the payee hears it and still asks.", Pair.of())
    scribe.payee_says()
    scribe.decline()
    scribe.payer_says()
    return scribe.written()


def short_of_funds() -> Transcript:
    scribe = Scribe(
        "The payer's purse says no: the payee hears only that it was declined.", Pair.of(amount=10_000_000)
    )
    scribe.payee_says()
    scribe.payer_replies()
    return scribe.written()


TRANSCRIPTS: dict[str, Callable[[], Transcript]] = {
    "session-accepted": accepted,
    "session-open-amount": open_amount,
    "session-refused": refused,
    "session-declined": declined,
    "session-short-of-funds": short_of_funds,
}


def text(transcript: Transcript) -> str:
    return json.dumps(transcript, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name, make in TRANSCRIPTS.items():
        (FOLDER / f"{name}.json").write_text(text(make()), encoding="utf-8")
