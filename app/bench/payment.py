"""A whole first-hop payment between two wallets: real SoftHSM keystores, purses on disk, both in this process.

Every round the payer gets one fresh token (not measured) and pays from it with some change; requests, payments and
receipts pass as the bytes of a session's messages. Left out: pictures, deriving a PIN's keys, starting a process.
Moving the record, fsync and all that SoftHSM does are in it.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import hsm
from app.bench.figures import Figure, Findings, Unit, milliseconds, spread
from app.bench.folders import own_folder
from app.bench.rounds import Lap, Stopwatch
from app.bench.throwaway import Authorities
from app.terminal.show import Show
from app.wallets.opened import system_clock
from wallet.protocol.receipt import Receipt
from wallet.session import messages
from wallet.wallet import Wallet

AIM: Final = 30.0
"""Processor milliseconds of a whole payment, both sides."""
Seen = Callable[[hsm.Keystore], hsm.Keystore]
STEPS: Final = ("request", "consider", "reserve", "sign", "receive", "acknowledge")
_FUNDED: Final = 20_000
"""Tiyn: the most that a funding keeps in one token."""
_PAID: Final = 15_000


def measure(rounds: int, show: Show) -> Findings:
    """Processor and wall milliseconds of a payment and of each of its steps."""
    show.step("bench.making_wallets")
    with two_wallets() as pair, show.progress("bench.measuring_payment", rounds) as done:
        pair.pay(Stopwatch())
        timed = []
        for number in range(1, rounds + 1):
            timed.append(pair.pay(Stopwatch()))
            done(number)
        return Findings({"bytes": pair.payment_bytes}, figures(timed))


@dataclass(slots=True)
class Pair:
    """A payer and a payee who trust the same throwaway central bank."""

    authorities: Authorities
    payer: Wallet
    payee: Wallet
    payment_bytes: int = 0

    def pay(self, watch: Stopwatch) -> dict[str, Lap]:
        """One payment, by step. Raises ``Refusal`` if any step is refused."""
        self.fund()
        steps = self._steps()
        return {name: watch.lap(lambda: next(steps)) for name in STEPS}

    def fund(self) -> None:
        """The payer comes by one fresh token."""
        funding = self.payer.reconciling.fundings.begin(_FUNDED)
        issued = self.authorities.issue(funding.owner, funding.amounts, funding.id)
        self.payer.reconciling.fundings.complete(issued)

    def _steps(self) -> Iterator[None]:
        """The steps in order; what one makes is the next one's input."""
        paying, receiving = self.payer.paying, self.payee.receiving
        asked = messages.encode(messages.RequestMessage(receiving.request(_PAID)))
        yield
        request = messages.decode(asked)
        assert isinstance(request, messages.RequestMessage)
        paying.consider(request.request)
        yield
        payment = paying.reserve(request.request)
        yield
        raw = paying.sign(payment)
        paying.shown(payment)
        yield
        received = receiving.receive(raw)
        answer = messages.encode(messages.ReceiptMessage(received.receipt))
        yield
        paying.acknowledge(payment, _receipt(answer))
        self.payment_bytes = len(raw)
        assert received.code is None
        assert [token.hop for token in received.tokens] == [1]
        yield


def _receipt(answer: bytes) -> Receipt:
    message = messages.decode(answer)
    assert isinstance(message, messages.ReceiptMessage)
    return message.receipt


@contextmanager
def two_wallets(seen: Seen = lambda keystore: keystore) -> Iterator[Pair]:
    """Two certified wallets in a temporary folder, each with its keystore as it is ``seen``.

    Raises ``KeystoreError`` (MODULE_MISSING).
    """
    with ExitStack() as leaving:
        folder = leaving.enter_context(own_folder())
        authorities = Authorities()
        payer, payee = (_wallet(folder, name, authorities, seen, leaving) for name in ("payer", "payee"))
        yield Pair(authorities, payer, payee)


def _wallet(folder: Path, name: str, authorities: Authorities, seen: Seen, leaving: ExitStack) -> Wallet:
    place, pin = folder / name / "keystore", secrets.token_hex(16)
    hsm.provision(
        place,
        pin,
        random=secrets.token_bytes,
        clock=system_clock,
        cost=hsm.RANDOM_PIN_COST,
        tokens=folder / "tokens",
    )
    keystore = hsm.open_keystore(place, pin, clock=system_clock, random=secrets.token_bytes)
    leaving.callback(keystore.lock)
    wallet = leaving.enter_context(
        Wallet.open(folder / name / "purse", seen(keystore), system_clock, secrets.token_bytes)
    )
    reconciling = wallet.reconciling
    reconciling.take_root(authorities.root.public, authorities.signed_directory())
    reconciling.take_policy(None, authorities.first_policy())
    reconciling.install_certificate(authorities.certify(reconciling.begin_epoch().key))
    return wallet


def figures(timed: list[dict[str, Lap]]) -> list[Figure]:
    """The whole and each step: processor time, then time on the wall."""
    whole = [sum(laps.values(), Lap(0.0, 0.0)) for laps in timed]
    columns = {"whole": whole, **{step: [laps[step] for laps in timed] for step in STEPS}}
    lines = []
    for step, laps in columns.items():
        cpu, wall = milliseconds([lap.cpu for lap in laps]), milliseconds([lap.wall for lap in laps])
        aim = AIM if step == "whole" else None
        lines.append(Figure(f"{step}_cpu_ms", f"payment_{step}", Unit.MILLISECONDS, spread(cpu), aim))
        lines.append(Figure(f"{step}_wall_ms", "payment_wall", Unit.MILLISECONDS, spread(wall)))
    return lines
