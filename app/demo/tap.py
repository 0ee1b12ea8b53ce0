"""One payment by tap between two wallets that are processes of their own: torn once in the middle, and gone on with.

What is shown was done by `qalta pay --nfc` and `qalta receive --nfc`; only the radio is simulated, over UDP.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from app.catalogue.written import written_amount, written_number
from app.demo.field import Field
from app.launch.actors import Actor, ActorFailed
from app.terminal.show import Show
from app.terminal.status import MissingPart
from wallet.transport.nfc import DeviceError

_SECONDS: Final = "60"
_SECOND_PIECE: Final = 2
"""A first-hop payment comes in three pieces, two of them long: it is torn at the second."""


@dataclass(frozen=True, slots=True)
class Tap:
    """``amount`` tiyn, ``bytes`` of the encoded payment, ``taps`` until it was over, ``milliseconds`` from the first
    contact to the receipt, as the payee's reader measured them; ``by`` what carried it."""

    payer: str
    payee: str
    amount: int
    bytes: int
    taps: int
    milliseconds: int
    by: str = "nfc over udp"

    def as_fields(self) -> dict[str, Any]:
        return asdict(self)


def require_radio() -> None:
    """MissingPart where nfcpy, which simulates the radio, is not installed."""
    from wallet.transport.nfc.devices import open_reader

    try:
        open_reader("udp:localhost:1", developer=True)
    except DeviceError as error:
        raise MissingPart(f"nfc.trouble_{error.trouble.value}", device="udp") from error


def pay_by_tap(payer: Actor, payee: Actor, tiyn: int) -> Tap:
    """The payee reads, the payer is the card. ActorFailed."""
    written = f"{tiyn // 100},{tiyn % 100:02}"
    with Field(_SECOND_PIECE) as field:
        payer.begin("pay", "--nfc", "--device", field.card, "--seconds", _SECONDS, "--yes")
        payee.begin("receive", "--nfc", "--device", field.reader, "--seconds", _SECONDS, "--amount", written)
        received, paid = payee.finish(), payer.finish()
    for actor, answer in ((payee, received), (payer, paid)):
        if answer.status:
            raise ActorFailed(actor.wallet, "tap", answer.result)
    if not field.cuts or "acknowledged" not in paid.result:
        raise ActorFailed(payer.wallet, "the tap was not torn, or has no receipt", paid.result)
    result = received.result
    return Tap(
        payer.shown,
        payee.shown,
        int(result["received"]),
        int(result["bytes"]),
        int(result["taps"]),
        int(result["milliseconds"]),
    )


def tell(tap: Tap, show: Show) -> None:
    """For a person."""
    show.say("demo.tap_torn")
    show.say(
        "demo.tapped",
        payee=tap.payee,
        amount=written_amount(tap.amount),
        bytes=tap.bytes,
        taps=tap.taps,
        time=written_number(tap.milliseconds),
    )
