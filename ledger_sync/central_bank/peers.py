"""The lines on which the central bank asks others: the notary for a refund, a bank that is challenged."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from ledger_sync.heard import PAGE
from ledger_sync.http.call import Clock, Signers
from ledger_sync.http.peers import RemoteRefusal, read
from ledger_sync.http.texts import plain_text
from ledger_sync.notaries import Notaries
from ledger_sync.service.delta_log import MAX_DELTAS_ONLINE
from wallet.protocol import codec, cose
from wallet.protocol.bounds import ID_BYTES
from wallet.protocol.certificate import Certificate
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory
from wallet.protocol.issuance import Issuance
from wallet.protocol.policy import Baseline, PolicyUpdate
from wallet.protocol.settlement import CENTRAL_BANK, Commit, Consumption, check_consumption, read_consumption
from wallet.protocol.transfer import TokenRef, Transfer

_MAX_NUMBER: Final = 2**53
LOST: Final = "lost"
"""The kind of what a bank has paid for a claim, as it owns up to it."""


class Line(Protocol):
    """A signed line to one service (`ledger_sync.http.client.ServiceClient`)."""

    def get(self, path: str) -> Cbor: ...

    def post(self, path: str, value: Cbor) -> Cbor: ...


@dataclass(frozen=True, slots=True)
class NotaryClient:
    """The notary that decides, asked in the central bank's name with its redemption key."""

    notaries: Notaries[Line]
    signer: Signers
    clock: Clock
    seen: Callable[[Sequence[Signed[Consumption]]], None] = lambda _statements: None
    """Told what it says."""

    def consume(self, ref: TokenRef, consumer: bytes, directory: Directory) -> Signed[Consumption]:
        """Commit `ref` for `consumer`; gives the word on who was first. `RemoteRefusal`, `NoAnswer`."""
        now = self.clock()
        commit = cose.sign(Commit(CENTRAL_BANK, consumer, (ref,), now), self.signer.at(now).sign)
        answer = self.notaries.of_ref(ref).post("/v1/commits", [commit.to_cbor()])
        said = read(answer, lambda value: _statement_on(ref, value, directory))
        self.seen([said])
        return said


def _statement_on(ref: TokenRef, answer: Cbor, directory: Directory) -> Signed[Consumption]:
    """NOTARY_SIGNATURE, COMMIT_MISMATCH (it says nothing about `ref`)."""
    (listed,) = codec.array(answer, 1)
    for value in codec.array(listed):
        statement = read_consumption(value)
        check_consumption(statement, directory)
        if ref in statement.body.refs:
            return statement
    raise Refusal(Code.COMMIT_MISMATCH, {"token": str(ref)})


@dataclass(frozen=True, slots=True)
class BankNodeClient:
    """A bank, asked to show a transfer that it committed. ``turn`` is for one question at a time, so that a bank that
    lets wait holds up one thread."""

    line: Line
    turn: threading.Lock = field(default_factory=threading.Lock)

    def show(self, txid: bytes) -> tuple[Signed[Transfer], Signed[Certificate]]:
        """The transfer and a certificate of its signer. `RemoteRefusal` (NOT_FOUND: it can't), `NoAnswer`."""
        return read(self.line.get(f"/v1/transfers/{txid.hex()}"), _shown)

    def policy(self, since: int) -> PolicyUpdate:
        """What the bank holds of the policy after version `since`. `RemoteRefusal`, `NoAnswer`."""
        answer = self.line.get(f"/v1/policy?since={since}")
        return read(answer, lambda value: PolicyUpdate.from_cbor(value, most=MAX_DELTAS_ONLINE))

    def base(self) -> Baseline | None:
        """The newest base that the bank holds, if any. `RemoteRefusal`, `NoAnswer`."""
        try:
            return read(self.line.get("/v1/base"), Baseline.from_cbor)
        except RemoteRefusal as refusal:
            if refusal.code is not Code.NOT_FOUND:
                raise
            return None

    def caused(self, since: int, after: int) -> tuple[int, int, list[Act]]:
        """The last movement that the bank has followed, and a page of what it caused here and booked at `since` (unix
        seconds, its own) or later, after its number `after`, with the number of the last.

        `RemoteRefusal`, `NoAnswer`."""
        return read(self.line.get(f"/v1/caused?since={since}&after={after}&lost=1"), _caused)

    def cause_again(self, acts: Sequence[Act], policy: int) -> None:
        """Have the bank ask again for `acts`, and for what it revoked after version `policy`. `RemoteRefusal`,
        `NoAnswer`."""
        for begin in range(0, max(1, len(acts)), PAGE):
            listed: list[Cbor] = [[act.kind, act.cause] for act in acts[begin : begin + PAGE]]
            self.line.post("/v1/caused/again", [listed, policy])


@dataclass(frozen=True, slots=True)
class Act:
    """Something that this central bank did for a bank, as the bank tells: the kind and id of the movement, and the
    issuance where that is what came of it. `lost`: tiyn that the bank itself says it has paid for the claim `cause`."""

    kind: str
    cause: bytes
    issuance: Signed[Issuance] | None
    lost: int = 0


def _caused(answer: Cbor) -> tuple[int, int, list[Act]]:
    movement, number, listed = codec.array(answer, 3)
    acts = []
    for value in codec.array(listed, most=PAGE):
        kind, cause, came_of = codec.array(value, 3)
        codec.octets(cause, most=ID_BYTES)
        if kind == LOST:
            acts.append(Act(LOST, cause, None, codec.amount(came_of, least=0)))
        else:
            made = None if came_of is None else cose.from_cbor(Issuance, came_of)
            acts.append(Act(plain_text(kind, 16, least=1), cause, made))
    return codec.uint(movement, _MAX_NUMBER), codec.uint(number, _MAX_NUMBER), acts


def _shown(answer: Cbor) -> tuple[Signed[Transfer], Signed[Certificate]]:
    transfer, certificate = codec.array(answer, 2)
    return cose.from_cbor(Transfer, transfer), cose.from_cbor(Certificate, certificate)
