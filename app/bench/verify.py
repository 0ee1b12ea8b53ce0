"""Verifying a 15-hop payment, cold and warm, against as many bare verifications as it has signatures.

Every payment is verified once only, so that no result can have been kept. *Cold*: the keys of all its people were
never seen in this process; bank and central bank are known from the directory. *Warm*: the same people paid each
other before, in another payment whose verification put their keys into the key cache; transfers, certificates and
issuance are new.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from app.bench.bare import signatures, verify_all
from app.bench.figures import Figure, Findings, Unit, milliseconds, ratios, spread
from app.bench.rounds import Action, Laps, side_by_side
from app.bench.throwaway import Authorities, Person
from app.terminal.show import Show
from wallet.protocol.bounds import MAX_HOP
from wallet.protocol.directory import Directory
from wallet.protocol.validity import verify

AIM: Final = 1.5
"""Warm against bare."""
_CONTENDERS: Final = ("bare", "warm", "cold")
_PAYMENTS: Final = 8
"""Payments in one lap; the figures are for one of them."""


def measure(rounds: int, show: Show) -> Findings:
    """Processor milliseconds of each, and their ratios to the bare verifications of the same rounds."""
    authorities = Authorities()
    directory = authorities.directory()

    def prepare() -> Mapping[str, Action]:
        known = authorities.people(MAX_HOP + 1)
        verify(authorities.chain(known).payment.encode(), directory)
        again = [authorities.chain(_recertified(authorities, known)) for _ in range(_PAYMENTS)]
        unknown = [authorities.chain(authorities.people(MAX_HOP + 1)) for _ in range(_PAYMENTS)]
        keys = authorities.bank.public, authorities.issuing.public
        return {
            "bare": partial(verify_all, [item for chain in again for item in signatures(chain, *keys)]),
            "warm": partial(_verify_each, [chain.payment.encode() for chain in again], directory),
            "cold": partial(_verify_each, [chain.payment.encode() for chain in unknown], directory),
        }

    with show.progress("bench.measuring_verify", rounds) as done:
        laps = side_by_side(rounds, prepare, done)
    return Findings(_facts(authorities), figures(laps))


def _verify_each(payments: Sequence[bytes], directory: Directory) -> None:
    for raw in payments:
        verify(raw, directory)


def _recertified(authorities: Authorities, people: tuple[Person, ...]) -> tuple[Person, ...]:
    return tuple(Person(person.key, authorities.certify(person.key.public)) for person in people)


def _facts(authorities: Authorities) -> dict[str, int]:
    chain = authorities.chain(authorities.people(MAX_HOP + 1))
    return {
        "hops": MAX_HOP,
        "bytes": len(chain.payment.encode()),
        "signatures": len(signatures(chain, authorities.bank.public, authorities.issuing.public)),
    }


def figures(laps: Laps) -> list[Figure]:
    """The report's lines, from laps of ``bare``, ``warm`` and ``cold``."""
    lines = [
        Figure(f"{name}_ms", f"verify_{name}", Unit.MILLISECONDS, spread(_each(laps.cpu(name))))
        for name in _CONTENDERS
    ]
    bare = laps.cpu("bare")
    warm, cold = (spread(ratios(laps.cpu(name), bare)) for name in ("warm", "cold"))
    return [
        *lines,
        Figure("warm_ratio", "verify_warm_ratio", Unit.TIMES, warm, AIM),
        Figure("cold_ratio", "verify_cold_ratio", Unit.TIMES, cold),
    ]


def _each(seconds: Sequence[float]) -> list[float]:
    return [value / _PAYMENTS for value in milliseconds(seconds)]
