"""Lines to the others: the notary, the central bank and the other banks, each call typed.

What comes back is read strictly and checked by who uses it. Everything raises ``RemoteRefusal``, which is the other's
answer, or ``NoAnswer``, after which the same is asked again (ledger_sync.http.peers).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ledger_sync.http.peers import NoAnswer, read
from ledger_sync.http.reading import READS
from ledger_sync.http.texts import plain_text
from ledger_sync.possession import Possession
from wallet.protocol import codec, cose
from wallet.protocol.batch import together
from wallet.protocol.bounds import FUNDING_ID_BYTES, ID_BYTES, MAX_INPUTS, MAX_SEQUENCE, MAX_SUM
from wallet.protocol.bundle import Bundle
from wallet.protocol.certificate import Certificate
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.evidence import Evidence
from wallet.protocol.issuance import Issuance
from wallet.protocol.policy import Reason
from wallet.protocol.settlement import Commit, Consumption, read_consumption
from wallet.protocol.transfer import TokenRef, Transfer

_MAX_MOVEMENTS = 256
_MAX_KIND_BYTES = 16
_MAX_COUNT = 2**53


class Service(Protocol):
    """A signed line to one service (ledger_sync.http.client)."""

    def get(self, path: str) -> Cbor: ...

    def post(self, path: str, value: Cbor) -> Cbor: ...


class NotaryLine(Service, Protocol):
    """The same to a notary, which says its word in several forms."""

    def post(self, path: str, value: Cbor, reads: str = READS) -> Cbor: ...


Shown = tuple[Signed[Transfer], Signed[Certificate]]
"""A transfer and a certificate of the key that signed it."""


def read_shown(value: Cbor) -> Shown:
    """MALFORMED and the codes of SPEC 8.1."""
    transfer, certificate = codec.array(value, 2)
    return cose.from_cbor(Transfer, transfer), cose.from_cbor(Certificate, certificate)


class NotaryClient:
    """Who consumed what first."""

    def __init__(self, service: NotaryLine) -> None:
        self._service = service

    def commit(self, commits: Sequence[Signed[Commit]]) -> list[list[Signed[Consumption]]]:
        """For each commit, the statements that cover its references."""
        answer = self._service.post("/v1/commits", _written(commits))
        return read(answer, lambda value: _statements(value, len(commits)))

    def ask(self, commits: Sequence[Signed[Commit]], reads: str = READS) -> list[list[Signed[Consumption]]]:
        """For each commit, which consumes nothing, the statements that cover what is consumed of its references, for
        whoever ``reads`` these kinds."""
        answer = self._service.post("/v1/questions", _written(commits), reads)
        return read(answer, lambda value: _statements(value, len(commits)))


def _written(commits: Sequence[Signed[Commit]]) -> list[Cbor]:
    """Commits as a call has them: what one signature was made for is one leaf, without a path for each."""
    if commits and all(commit.leaf is not None for commit in commits):
        return [together(commits)]
    return [commit.to_cbor() for commit in commits]


def _statements(value: Cbor, count: int) -> list[list[Signed[Consumption]]]:
    return [
        [read_consumption(item) for item in codec.array(statements, most=MAX_INPUTS)]
        for statements in codec.array(value, count)
    ]


@dataclass(frozen=True, slots=True)
class Movement:
    """One change of the bank's position at the central bank: ``amount`` in tiyn, less than 0 where it shrank; ``total``
    what those of this kind and cause have come to by it, of challenges those lost and those gained apart. None: the
    central bank is an older one, which does not say."""

    number: int
    kind: str
    cause: bytes
    amount: int
    total: int | None


@dataclass(frozen=True, slots=True)
class Redeemed:
    """New tokens (None where there are none), the settled tiyn, and what of them this bank's position got."""

    issuance: Signed[Issuance] | None
    value: int
    credited: int


@dataclass(frozen=True, slots=True)
class Refunded:
    """Tiyn that this bank's position got for a refund; ``owed`` None where the money came from offline, else what a
    bank still owes that had the token consumed and could not show by what."""

    paid: int
    owed: int | None


@dataclass(frozen=True, slots=True)
class Challenged:
    """What became of a challenge: what was shown; or tiyn that this bank's position got by now, and is still owed."""

    paid: int
    shown: Shown | None
    owed: int


class CentralBankClient:
    """What only the central bank does. Every call is keyed by an id: asked again, it answers as before."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def fund(self, funding: bytes, owner: bytes, amounts: Sequence[int]) -> Signed[Issuance]:
        answer = self._service.post("/v1/fundings", [funding, owner, list(amounts)])
        return read(answer, lambda value: cose.from_cbor(Issuance, value))

    def issuance(self, funding: bytes) -> Signed[Issuance]:
        """What this bank's funding ``funding`` was answered with. NOT_FOUND where nothing was issued."""
        answer = self._service.get(f"/v1/fundings/{funding.hex()}")
        return read(answer, lambda value: cose.from_cbor(Issuance, value))

    def redeem(
        self,
        txid: bytes,
        bundle: Bundle,
        statements: Sequence[Signed[Consumption]],
        possession: Possession | None,
    ) -> Redeemed:
        """``possession`` is of the signer's key, where this bank speaks for it."""
        shown = None if possession is None else possession.to_cbor()
        body = [txid, bundle.to_cbor(), _listed(statements), shown]
        return read(self._service.post("/v1/redemptions", body), _redeemed)

    def refund(
        self,
        token: TokenRef,
        bundle: Bundle,
        statements: Sequence[Signed[Consumption]],
        possession: Possession,
    ) -> Refunded:
        """``possession`` is of the owner's key."""
        body = [token.to_cbor(), bundle.to_cbor(), _listed(statements), possession.to_cbor()]
        return read(self._service.post("/v1/refunds", body), _refunded)

    def revoke(self, wallets: Sequence[tuple[Possession, Reason]], evidence: Evidence | None) -> int:
        """The policy version that says so. No wallets: the one that ``evidence`` names, whose bank is another."""
        listed = [[possession.to_cbor(), int(reason)] for possession, reason in wallets]
        shown = None if evidence is None else evidence.to_cbor()
        return read(self._service.post("/v1/revocations", [listed, shown]), _version)

    def challenge(
        self,
        unshown: Signed[Consumption],
        claimant: bytes,
        bundle: Bundle,
        statements: Sequence[Signed[Consumption]],
        possession: Possession | None,
    ) -> Challenged:
        """What the bank that ``unshown`` names owes for the transfer ``claimant``, or the transfer that it showed after
        all. ``possession`` is of a key that would have got the money; None where none is this bank's."""
        shown = None if possession is None else possession.to_cbor()
        body = [unshown.to_cbor(), claimant, bundle.to_cbor(), _listed(statements), shown]
        return read(self._service.post("/v1/challenges", body), _challenged)

    def bring(self, transfer: Signed[Transfer], signer: bytes) -> list[TokenRef]:
        """Show what took tokens from another transfer of the same signer; those of its tokens for which that is too
        late: it was noted before that nobody shows it."""
        answer = self._service.post("/v1/showings", [transfer.to_cbor(), signer])
        return read(answer, _listed_refs)

    def movements(self, since: int) -> list[Movement]:
        """Later than number ``since``, oldest first, most 256."""
        return read(self._service.get(f"/v1/movements?since={since}&totals=1"), _listed_movements)


def _redeemed(answer: Cbor) -> Redeemed:
    issuance, value, credited = codec.array(answer, 3)
    return Redeemed(
        None if issuance is None else cose.from_cbor(Issuance, issuance),
        codec.amount(value, least=0),
        codec.amount(credited, least=0),
    )


def _refunded(answer: Cbor) -> Refunded:
    paid, owed = codec.array(answer, 2)
    return Refunded(codec.amount(paid, least=0), None if owed is None else codec.amount(owed, least=0))


def _version(answer: Cbor) -> int:
    (version,) = codec.array(answer, 1)
    return codec.uint(version, MAX_SEQUENCE)


def _challenged(answer: Cbor) -> Challenged:
    paid, shown, owed = codec.array(answer, 3)
    return Challenged(
        codec.amount(paid, least=0),
        None if shown is None else read_shown(shown),
        codec.amount(owed, least=0),
    )


def _listed_refs(answer: Cbor) -> list[TokenRef]:
    return [TokenRef.from_cbor(item) for item in codec.array(answer, most=MAX_INPUTS)]


def _listed_movements(answer: Cbor) -> list[Movement]:
    return [_movement(item) for item in codec.array(answer, most=_MAX_MOVEMENTS)]


def _movement(value: Cbor) -> Movement:
    number, kind, cause, amount, _time, *told = codec.array(value, least=5, most=6)
    return Movement(
        codec.uint(number, _MAX_COUNT),
        plain_text(kind, _MAX_KIND_BYTES, least=1),
        codec.octets(cause, most=max(FUNDING_ID_BYTES, ID_BYTES)),
        _signed(amount),
        _signed(told[0]) if told else None,
    )


def _signed(amount: Cbor) -> int:
    """Tiyn that came or went. AMOUNT_INVALID."""
    if type(amount) is not int or abs(amount) > MAX_SUM:
        raise Refusal(Code.AMOUNT_INVALID)
    return amount


def _listed(statements: Sequence[Signed[Consumption]]) -> list[Cbor]:
    return [statement.to_cbor() for statement in statements]


class BankClients:
    """The other banks, by id."""

    def __init__(self, services: Mapping[str, Service]) -> None:
        self._services = services

    def relay(self, bank: str, bundle: Bundle) -> None:
        """Pass ``bundle`` on."""
        self._line(bank).post("/v1/relays", bundle.to_cbor())

    def pass_on_again(self, bank: str, since: int) -> None:
        """Have ``bank`` pass on once more what it passed on since ``since`` (unix seconds)."""
        self._line(bank).post("/v1/relays/again", [since])

    def transfer(self, bank: str, txid: bytes, rival: Signed[Transfer]) -> Shown:
        """A transfer that ``bank`` committed; ``rival`` lost a token to it, or is the same. NOT_FOUND."""
        return read(self._line(bank).post("/v1/rivals", [txid, rival.to_cbor()]), read_shown)

    def _line(self, bank: str) -> Service:
        service = self._services.get(bank)
        if service is None:
            raise NoAnswer(Code.UNREACHABLE, {"bank": bank})
        return service
