"""Hostile calls: for each route of each service the one that costs it most for its bytes, as far as we know.

Rule: every route has one. Where none is written here it is a body of rubbish, signed by whoever may call. Each round's
call is another one: nothing that was judged before is asked again, but where that is the attack.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from app.bench.throwaway import Person, SoftKey
from ledger_sync.http.call import Signer
from ledger_sync.sandbox.in_process import CENTRAL_BANK, NOTARY, OPERATOR, InProcessNetwork
from wallet.protocol import cose
from wallet.protocol.bounds import FUNDING_ID_BYTES, ID_BYTES, MAX_INPUTS, NONCE_BYTES, REQUEST_REF_BYTES
from wallet.protocol.bundle import MAX_BUNDLE_ITEMS, Bundle
from wallet.protocol.codec import Cbor
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Commit, Consumption
from wallet.protocol.transfer import TokenRef, Transfer

BANK: Final = "alatau"
OTHER: Final = "zhibek"
RUBBISH: Final = 4_000
"""Bytes of a body that means nothing."""
_MOST_COMMITS: Final = 256
_MOST_ASKED: Final = 64
_MOST_LOOKUPS: Final = 384
_WRITTEN: Final = {"{id}": "00" * ID_BYTES}
_QUERIES: Final = {
    "/v1/policy": "?since=0",
    "/v1/movements": "?since=0",
    "/v1/time": "?nonce=" + "00" * NONCE_BYTES,
}


@dataclass(frozen=True, slots=True)
class Attack:
    """A call by whoever ``signer`` is. ``value`` gives the body of each round's; None: there is none (a GET)."""

    service: str
    method: str
    route: str
    signer: Signer
    value: Callable[[], Cbor] | None
    query: str = ""
    kind: str = ""
    """Which of several attacks on one route."""

    @property
    def path(self) -> str:
        path = self.route + self.query
        for name, written in _WRITTEN.items():
            path = path.replace(name, written)
        return path


class Attacks:
    """All of them, against a network in which ``person`` is a customer of the bank, who calls with ``device``."""

    def __init__(self, network: InProcessNetwork, device: Signer, person: Person) -> None:
        self._network = network
        self._person = person
        stranger = SoftKey()
        self._signers: Mapping[str, Signer] = {
            "public": Signer(stranger.public, stranger.sign),
            "newcomer": Signer(stranger.public, stranger.sign),
            "auditor": Signer(stranger.public, stranger.sign),  # The directory of this network names none.
            "customer": device,
            "bank": network.signer(OTHER, "bank"),
            "central bank": network.signer(CENTRAL_BANK, "redemption"),
            "notary": network.signer(NOTARY, "notary"),
            "operator": network.signer(OPERATOR, OPERATOR),
        }
        self._values = self._written()

    def of(self, service: str, paths: Mapping[str, Mapping[str, Mapping[str, object]]]) -> Iterator[Attack]:
        """One for each route in the ``paths`` of a service's own description (/v1/openapi.json)."""
        for route, operations in paths.items():
            for method, operation in operations.items():
                caller = str(operation["description"]).removeprefix("Callers: ").split(", ")[0]
                value = self._values.get(("bank" if service == BANK else service, route), self._rubbish)
                body = None if method == "get" else value
                query = _QUERIES.get(route, "")
                yield Attack(service, method.upper(), route, self._signers[caller], body, query)
                if (service, route) == (BANK, "/v1/uploads"):
                    for kind, written in (("forks", self._forks), ("owners", self._owners)):
                        yield Attack(service, "POST", route, self._signers[caller], written, kind=kind)

    def _rubbish(self) -> Cbor:
        return os.urandom(RUBBISH)

    def _written(self) -> dict[tuple[str, str], Callable[[], Cbor]]:
        key = self._person.key.public
        possession: Cbor = [self._person.certificate.to_cbor(), key, bytes(64)]

        def funding() -> Cbor:
            return [os.urandom(FUNDING_ID_BYTES), key, [1] * MAX_INPUTS]

        return {
            ("bank", "/v1/enrolments"): lambda: ["AAAA-AAAA-AAAA", self._signers["newcomer"].key],
            ("bank", "/v1/uploads"): lambda: self._made_up().to_cbor(),
            ("bank", "/v1/relays"): lambda: self._made_up().to_cbor(),
            ("bank", "/v1/verdicts"): lambda: list(_ids(_MOST_ASKED)),
            ("bank", "/v1/keys"): lambda: [key] * _MOST_ASKED,
            ("bank", "/v1/deliveries"): lambda: [0],
            ("bank", "/v1/possessions"): lambda: [b""],
            ("bank", "/v1/certificates"): lambda: [key, 0, bytes(64)],
            ("bank", "/v1/fundings"): funding,
            ("bank", "/v1/losses"): list,
            ("bank", "/v1/rivals"): lambda: [os.urandom(ID_BYTES), self._transfer(MAX_INPUTS).to_cbor()],
            (CENTRAL_BANK, "/v1/fundings"): funding,
            (CENTRAL_BANK, "/v1/redemptions"): lambda: self._proof(None),
            (CENTRAL_BANK, "/v1/refunds"): lambda: self._refund(possession),
            (CENTRAL_BANK, "/v1/challenges"): lambda: [self._statement(), *self._proof(possession)],
            (CENTRAL_BANK, "/v1/showings"): lambda: [self._transfer(MAX_INPUTS).to_cbor(), key],
            (CENTRAL_BANK, "/v1/revocations"): lambda: [[[possession, 0]] * MAX_INPUTS, None],
            (NOTARY, "/v1/commits"): self._commits,
            (NOTARY, "/v1/questions"): self._commits,
            (NOTARY, "/v1/lookups"): lambda: [[name, 0] for name in _ids(_MOST_LOOKUPS)],
        }

    def _transfer(self, inputs: int) -> Signed[Transfer]:
        """Signed by a customer, of tokens that there never were."""
        self._person.sequence += 1
        self._person.total += 1
        body = Transfer(
            inputs=tuple(sorted(TokenRef(os.urandom(ID_BYTES), 0) for _ in range(inputs))),
            payee=self._person.key.public,
            amount=1,
            change=0,
            purpose=os.urandom(REQUEST_REF_BYTES),
            sequence=self._person.sequence,
            total=self._person.total,
            time=self._network.clock(BANK)(),
        )
        return cose.sign(body, self._person.key.sign)

    def _made_up(self) -> Bundle:
        transfers = tuple(self._transfer(1) for _ in range(MAX_BUNDLE_ITEMS))
        return Bundle(transfers, (), (self._person.certificate,), ())

    def _forks(self) -> Cbor:
        """One sequence number for all of them: each contradicts every other."""
        transfers = []
        for _ in range(MAX_BUNDLE_ITEMS):
            self._person.sequence -= 1
            transfers.append(self._transfer(1))
        self._person.sequence += 1
        return Bundle(tuple(transfers), (), (self._person.certificate,), ()).to_cbor()

    def _owners(self) -> Cbor:
        """Transfers that nobody certified signed: who it may have been has to be guessed."""
        stranger = Person(SoftKey(), self._person.certificate)
        signed = [cose.sign(self._transfer(1).body, stranger.key.sign) for _ in range(MAX_BUNDLE_ITEMS)]
        return Bundle(tuple(signed), (), (self._person.certificate,), ()).to_cbor()

    def _proof(self, possession: Cbor) -> list[Cbor]:
        bundle = self._made_up()
        return [bundle.transfers[0].id, bundle.to_cbor(), [], possession]

    def _refund(self, possession: Cbor) -> Cbor:
        name, *rest = self._proof(possession)
        return [[name, 0], *rest]

    def _statement(self) -> Cbor:
        """A word of the notary's that it never said."""
        said = Consumption(
            os.urandom(ID_BYTES), BANK, self._network.clock(NOTARY)(), (TokenRef(os.urandom(ID_BYTES), 0),)
        )
        return cose.sign(said, self._signers["newcomer"].sign).to_cbor()

    def _commits(self) -> Cbor:
        """As many as one call takes, the last of which is not signed by its bank: all are verified, none is made."""
        signer, now = self._signers["bank"], self._network.clock(NOTARY)()
        signers: Sequence[Signer] = [signer] * (_MOST_COMMITS - 1) + [self._signers["newcomer"]]
        return [
            cose.sign(
                Commit(OTHER, os.urandom(ID_BYTES), (TokenRef(os.urandom(ID_BYTES), 0),), now),
                each.sign,
            ).to_cbor()
            for each in signers
        ]


def _ids(count: int) -> list[bytes]:
    return [os.urandom(ID_BYTES) for _ in range(count)]
