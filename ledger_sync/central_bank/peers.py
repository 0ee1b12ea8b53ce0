"""The lines on which the central bank asks others: the notary for a refund, a bank that is challenged."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from ledger_sync.heard import PAGE
from ledger_sync.http.call import Clock, Signer
from ledger_sync.http.peers import read
from ledger_sync.service.policy_cache import MAX_DELTAS_ONLINE
from wallet.protocol import codec, cose
from wallet.protocol.bounds import ID_BYTES
from wallet.protocol.certificate import Certificate
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.directory import Directory
from wallet.protocol.issuance import Issuance
from wallet.protocol.policy import PolicyUpdate
from wallet.protocol.settlement import CENTRAL_BANK, Commit, Consumption, check_consumption
from wallet.protocol.transfer import TokenRef, Transfer

_MAX_NUMBER: Final = 2**53


class Line(Protocol):
    """A signed line to one service (`ledger_sync.http.client.ServiceClient`)."""

    def get(self, path: str) -> Cbor: ...

    def post(self, path: str, value: Cbor) -> Cbor: ...


@dataclass(frozen=True, slots=True)
class NotaryClient:
    """The notary, asked in the central bank's name with its redemption key."""

    line: Line
    signer: Signer
    clock: Clock

    def consume(self, ref: TokenRef, consumer: bytes, directory: Directory) -> Signed[Consumption]:
        """Commit `ref` for `consumer`; gives the word on who was first. `RemoteRefusal`, `NoAnswer`."""
        commit = cose.sign(Commit(CENTRAL_BANK, consumer, (ref,), self.clock()), self.signer.sign)
        answer = self.line.post("/v1/commits", [commit.to_cbor()])
        return read(answer, lambda value: _statement_on(ref, value, directory))


def _statement_on(ref: TokenRef, answer: Cbor, directory: Directory) -> Signed[Consumption]:
    """NOTARY_SIGNATURE, COMMIT_MISMATCH (it says nothing about `ref`)."""
    (listed,) = codec.array(answer, 1)
    for value in codec.array(listed):
        statement = cose.from_cbor(Consumption, value)
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

    def caused(self, since: int, after: int) -> tuple[int, int, list[Act]]:
        """The last movement that the bank has followed, and a page of what it caused here and booked at `since` (unix
        seconds, its own) or later, after its number `after`, with the number of the last.

        `RemoteRefusal`, `NoAnswer`."""
        return read(self.line.get(f"/v1/caused?since={since}&after={after}"), _caused)

    def cause_again(self, acts: Sequence[Act], policy: int) -> None:
        """Have the bank ask again for `acts`, and for what it revoked after version `policy`. `RemoteRefusal`,
        `NoAnswer`."""
        for begin in range(0, max(1, len(acts)), PAGE):
            listed: list[Cbor] = [[act.kind, act.cause] for act in acts[begin : begin + PAGE]]
            self.line.post("/v1/caused/again", [listed, policy])


@dataclass(frozen=True, slots=True)
class Act:
    """Something that this central bank did for a bank, as the bank tells: the kind and id of the movement, and the
    issuance where that is what came of it."""

    kind: str
    cause: bytes
    issuance: Signed[Issuance] | None


def _caused(answer: Cbor) -> tuple[int, int, list[Act]]:
    movement, number, listed = codec.array(answer, 3)
    acts = []
    for value in codec.array(listed, most=PAGE):
        kind, cause, issuance = codec.array(value, 3)
        made = None if issuance is None else cose.from_cbor(Issuance, issuance)
        acts.append(Act(codec.text(kind, 16, least=1), codec.octets(cause, most=ID_BYTES), made))
    return codec.uint(movement, _MAX_NUMBER), codec.uint(number, _MAX_NUMBER), acts


def _shown(answer: Cbor) -> tuple[Signed[Transfer], Signed[Certificate]]:
    transfer, certificate = codec.array(answer, 2)
    return cose.from_cbor(Transfer, transfer), cose.from_cbor(Certificate, certificate)
