"""The central bank over HTTP: reads calls strictly, hands them to whoever keeps the rule, writes answers.

Rule: banks get what concerns them, the operator what concerns all, anyone the signed directory and policy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from ledger_sync.central_bank.catching_up import CatchingUp
from ledger_sync.central_bank.challenging import Challenging
from ledger_sync.central_bank.claims import ClaimBalance
from ledger_sync.central_bank.issuing import Issuing
from ledger_sync.central_bank.key_changes import NewKey
from ledger_sync.central_bank.ordering import Ordering
from ledger_sync.central_bank.ports.books import MovementKind, position
from ledger_sync.central_bank.ports.issuances import Cause
from ledger_sync.central_bank.ports.storage import Storage
from ledger_sync.central_bank.proving import Proof, read_proof
from ledger_sync.central_bank.redeeming import Redeeming
from ledger_sync.central_bank.registry import Registry
from ledger_sync.http.call import Clock
from ledger_sync.http.reading import form_for, readable
from ledger_sync.http.routes import Caller, CallerKind, Encoded, IncomingCall, Route
from ledger_sync.http.texts import plain_text
from ledger_sync.possession import Possession
from ledger_sync.service.policy_cache import principal
from wallet.protocol import codec, cose
from wallet.protocol.bounds import (
    FUNDING_ID_BYTES,
    ID_BYTES,
    MAX_AMOUNTS,
    MAX_ID_BYTES,
    MAX_OBJECT_BYTES,
    MAX_REVOKED_PER_DELTA,
    MAX_ROLE,
    MAX_SEQUENCE,
    MAX_TOKEN_LIFE,
)
from wallet.protocol.bundle import MAX_PROOF_BYTES
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.evidence import Evidence
from wallet.protocol.policy import Reason
from wallet.protocol.settlement import Consumption, read_consumption
from wallet.protocol.transfer import TokenRef, Transfer

_PUBLIC: Final = frozenset({CallerKind.PUBLIC})
_BANK: Final = frozenset({CallerKind.BANK})
_OPERATOR: Final = frozenset({CallerKind.OPERATOR})
_NOTARY: Final = frozenset({CallerKind.NOTARY})
_MAX_MOVEMENT: Final = 2**53
_MOST_MOVEMENTS: Final = 256
"""In one answer."""
_ROOMS: Final = {"/v1/challenges": "challenges", "/v1/refunds": "refunds"}
"""What may wait for a bank, or for the notary too; nothing else waits for anybody."""
_POSSESSION: Final = "[certificate, device key, proof]"


@dataclass(frozen=True, slots=True)
class CentralBank:
    """The parts, and the calls over them."""

    storage: Storage
    registry: Registry
    ordering: Ordering
    issuing: Issuing
    redeeming: Redeeming
    challenging: Challenging
    catching_up: CatchingUp
    operator: bytes
    clock: Clock
    seen: Callable[[Sequence[Signed[Consumption]]], None] = lambda _statements: None
    """Told what notaries have said."""

    def identify(self, key: bytes, now: int) -> Caller | None:
        """The operator by the key of the settings, a bank by the directory."""
        if key == self.operator:
            return Caller(CallerKind.OPERATOR, "", key)
        return principal(self.registry.directory, key, now)

    def routes(self) -> tuple[Route, ...]:
        return tuple(replace(route, room=_ROOMS.get(route.path, "")) for route in self._table())

    def _table(self) -> tuple[Route, ...]:
        return (
            Route("GET", "/v1/directory", _PUBLIC, self._directory, "The signed bank directory", "directory"),
            Route(
                "GET",
                "/v1/directories",
                _PUBLIC,
                lambda incoming: readable(self.registry.published(), incoming.reads).to_cbor(),
                "The signed directory in every form, and how the roots have handed over",
                "[[* directory], [* [directory by the old root, by the new]]]",
            ),
            Route(
                "GET",
                "/v1/policy",
                _PUBLIC,
                self._policy,
                "Policy after version ?since=",
                "[head / null, [*256 delta]]; the head is null where more deltas follow",
                queries=("since",),
            ),
            Route(
                "GET",
                "/v1/base",
                _PUBLIC,
                self._base,
                "Where a wallet begins that holds no policy",
                "[policy-base, [* [revocation id, reason]]]",
            ),
            Route(
                "POST",
                "/v1/witnesses/absent",
                _OPERATOR,
                self._absent,
                "Go on without what this bank has heard of the central bank",
                "[* bank tstr]: who is still waited for",
                "[bank tstr]",
            ),
            Route(
                "POST",
                "/v1/handovers",
                _OPERATOR,
                self._hand_over,
                "Have the root hand over to a fresh one by the directory of this version, which is the next",
                "[root key]",
                "[version uint]",
            ),
            Route(
                "POST",
                "/v1/keys",
                _OPERATOR,
                self._change_key,
                "Have a key follow on those of a bank, or (bank empty) of a role: 1 issuing, 2 policy, 3 notary,"
                " 4 redemption, 34 to 159 a part of the notary; good since a time, the others for some seconds more",
                "[policy version]",
                "[role uint, 0 a bank's; bank tstr, key, since time, seconds uint]",
            ),
            Route(
                "POST",
                "/v1/issues",
                _OPERATOR,
                lambda incoming: self._order(incoming, MovementKind.ISSUE),
                "Issue online tenge to a bank",
                "[issued total]",
                "[id bstr .size 16, bank tstr, amount]",
            ),
            Route(
                "POST",
                "/v1/withdrawals",
                _OPERATOR,
                lambda incoming: self._order(incoming, MovementKind.WITHDRAWAL),
                "Take online tenge back from a bank",
                "[redeemed total]",
                "[id bstr .size 16, bank tstr, amount]",
            ),
            Route(
                "POST",
                "/v1/fundings",
                _BANK,
                self._funding,
                "Turn a bank's online money into tokens",
                "issuance",
                "[funding bstr .size 16, owner key, [1*32 amount]]",
            ),
            Route(
                "GET",
                "/v1/fundings/{id}",
                _BANK,
                self._funded,
                "What a funding of the calling bank was answered with",
                "issuance",
            ),
            Route(
                "POST",
                "/v1/redemptions",
                _BANK,
                self._redemption,
                "Pay a redemption that the notary committed",
                "[issuance / null, value, credited: what of it went to the caller's position]",
                f"[txid, bundle, [* consumption], {_POSSESSION} / null]; of the signer's key, for what is credited",
                max_bytes=MAX_PROOF_BYTES,
            ),
            Route(
                "POST",
                "/v1/refunds",
                _BANK,
                self._refund,
                "Give an expired, unconsumed token back to its last owner's bank",
                "[paid, owed / null]; owed where a bank must pay that had it consumed and cannot show by what",
                f"[[txid, output], bundle, [* consumption], {_POSSESSION}]; of the owner's key",
                max_bytes=MAX_PROOF_BYTES,
            ),
            Route(
                "POST",
                "/v1/revocations",
                _BANK,
                self._revocation,
                "Revoke wallets of the calling bank, or for a conflict the one that evidence names",
                "[policy version]",
                f"[[*32 [{_POSSESSION}, reason]], evidence / null]",
            ),
            Route(
                "POST",
                "/v1/challenges",
                _BANK,
                self._challenge,
                "Make a bank show the transfer it committed, or pay",
                "[paid, [transfer, certificate] / null, owed]",
                f"[consumption, claimant txid, bundle, [* consumption], {_POSSESSION} / null]; of a key that lost"
                " money, null to learn what became of it",
                max_bytes=MAX_PROOF_BYTES,
            ),
            Route(
                "POST",
                "/v1/showings",
                _BANK,
                self._showing,
                "Bring what took tokens from another transfer of the same signer, before that is called a conflict",
                "[*32 [txid, output]]: of those it consumes, what its bank has failed to show it for before",
                "[transfer, signer key]",
                max_bytes=MAX_OBJECT_BYTES,
            ),
            Route(
                "GET",
                "/v1/movements",
                _BANK,
                self._movements,
                "Changes of the calling bank's position after number ?since=",
                "[*256 [number, kind tstr, id bstr, amount int, time, ? total int]]; with ?totals=1 also what all of"
                " this kind and id have come to by it, of challenges those lost and those gained apart",
                queries=("since", "totals"),
            ),
            Route(
                "GET", "/v1/position", _BANK, self._position, "The calling bank's own position", "[position]"
            ),
            Route(
                "GET",
                "/v1/consumptions",
                _NOTARY,
                self._consumptions,
                "The notary's own statements, dated ?since= or later, that came after number ?after=",
                "[number, [*256 consumption]]",
                queries=("since", "after"),
            ),
            Route(
                "GET",
                "/v1/books",
                _OPERATOR,
                self._books,
                "The sums: issued - redeemed = positions + outstanding",
                "[issued, redeemed, outstanding, [* [bank tstr, position]]]",
            ),
        )

    def _absent(self, incoming: IncomingCall) -> Cbor:
        (bank,) = codec.array(incoming.value, 1)
        self.catching_up.go_on_without(plain_text(bank, MAX_ID_BYTES, least=1))
        return list(self.catching_up.left)

    def _hand_over(self, incoming: IncomingCall) -> Cbor:
        (version,) = codec.array(incoming.value, 1)
        return [self.registry.hand_over(codec.uint(version, MAX_SEQUENCE))]

    def _change_key(self, incoming: IncomingCall) -> Cbor:
        role, bank, key, since, rest = codec.array(incoming.value, 5)
        new = NewKey(
            codec.uint(role, MAX_ROLE),
            plain_text(bank, MAX_ID_BYTES),
            codec.public_key(key),
            codec.moment(since),
            codec.uint(rest, MAX_TOKEN_LIFE),
        )
        return [self.registry.change_key(new)]

    def _directory(self, incoming: IncomingCall) -> Cbor:
        return form_for(self.registry.published().forms, incoming.reads).to_cbor()

    def _policy(self, incoming: IncomingCall) -> Encoded:
        return self.registry.update_since(incoming.number("since", MAX_SEQUENCE))

    def _base(self, _incoming: IncomingCall) -> Encoded:
        return self.registry.base()

    def _order(self, incoming: IncomingCall, kind: MovementKind) -> Cbor:
        self.catching_up.require_done()
        order_id, bank, amount = codec.array(incoming.value, 3)
        codec.octets(order_id, FUNDING_ID_BYTES)
        plain_text(bank, MAX_ID_BYTES, least=1)
        codec.amount(amount)
        self.registry.directory.bank(bank)
        return [self.ordering.order(kind, order_id, bank, amount)]

    def _funding(self, incoming: IncomingCall) -> Cbor:
        self.catching_up.require_whole(incoming.caller.name)
        funding, owner, amounts = codec.array(incoming.value, 3)
        listed = [codec.amount(amount) for amount in codec.array(amounts, least=1, most=MAX_AMOUNTS)]
        issuance = self.issuing.fund(
            incoming.caller.name, codec.octets(funding, FUNDING_ID_BYTES), codec.public_key(owner), listed
        )
        return issuance.to_cbor()

    def _funded(self, incoming: IncomingCall) -> Cbor:
        held = self.storage.issuances.find(Cause.FUNDING, incoming.octets("id", FUNDING_ID_BYTES))
        if held is None or held.bank != incoming.caller.name:
            raise Refusal(Code.NOT_FOUND)
        return held.issuance.to_cbor()

    def _redemption(self, incoming: IncomingCall) -> Cbor:
        self.catching_up.require_done()
        txid, bundle, statements, possession = codec.array(incoming.value, 4)
        codec.octets(txid, ID_BYTES)
        bank, shown = incoming.caller.name, None if possession is None else Possession.from_cbor(possession)
        proof = self._proof(bundle, statements)
        paid = self.redeeming.redeem(bank, txid, proof, shown)
        issuance = None if paid.issuance is None else paid.issuance.to_cbor()
        return [issuance, paid.value, paid.credited(bank)]

    def _refund(self, incoming: IncomingCall) -> Cbor:
        self.catching_up.require_done()
        ref, bundle, statements, possession = codec.array(incoming.value, 4)
        proof = self._proof(bundle, statements)
        shown = Possession.from_cbor(possession)
        refunded = self.redeeming.refund(incoming.caller.name, TokenRef.from_cbor(ref), proof, shown)
        if isinstance(refunded, ClaimBalance):
            return [refunded.paid, refunded.owed]
        return [refunded, None]

    def _proof(self, bundle: Cbor, statements: Cbor) -> Proof:
        """As `read_proof`."""
        proof = read_proof(bundle, statements, self.registry.directory)
        self.seen(proof.statements)
        return proof

    def _revocation(self, incoming: IncomingCall) -> Cbor:
        listed, evidence = codec.array(incoming.value, 2)
        wallets = [_revoked(item) for item in codec.array(listed, most=MAX_REVOKED_PER_DELTA)]
        shown = None if evidence is None else Evidence.from_cbor(evidence)
        if not wallets and shown is not None:
            return [self.registry.revoke_by_evidence(shown)]
        require(bool(wallets), Code.MALFORMED)
        return [self.registry.revoke(incoming.caller.name, wallets, shown)]

    def _challenge(self, incoming: IncomingCall) -> Cbor:
        self.catching_up.require_done()
        statement, claim, bundle, statements, possession = codec.array(incoming.value, 5)
        codec.octets(claim, ID_BYTES)
        answer = self.challenging.challenge(
            incoming.caller.name,
            read_consumption(statement),
            claim,
            self._proof(bundle, statements),
            None if possession is None else Possession.from_cbor(possession),
        )
        shown = None if answer.shown is None else [part.to_cbor() for part in answer.shown]
        return [answer.claim.paid, shown, answer.claim.owed]

    def _showing(self, incoming: IncomingCall) -> Cbor:
        self.catching_up.require_done()
        transfer, signer = codec.array(incoming.value, 2)
        asking = self.challenging.asking
        late = asking.bring(cose.from_cbor(Transfer, transfer), codec.public_key(signer))
        return [ref.to_cbor() for ref in late]

    def _movements(self, incoming: IncomingCall) -> Cbor:
        since = incoming.number("since", _MAX_MOVEMENT)
        listed = self.storage.books.movements(incoming.caller.name, since, _MOST_MOVEMENTS)
        rows: list[list[Cbor]] = [
            [item.number, item.kind, item.id, item.amount, item.time, item.total] for item in listed
        ]
        return [row if incoming.number("totals", 1) else row[:-1] for row in rows]

    def _position(self, incoming: IncomingCall) -> Cbor:
        """Its own, and no sums: of two banks either would know the other's."""
        return [self.storage.books.balance(position(incoming.caller.name))]

    def _consumptions(self, incoming: IncomingCall) -> Cbor:
        since, after = incoming.number("since", _MAX_MOVEMENT), incoming.number("after", _MAX_MOVEMENT)
        number, page = self.storage.winners.heard(since, after)
        return [number, [statement.to_cbor() for statement in page]]

    def _books(self, _incoming: IncomingCall) -> Cbor:
        now = self.storage.books.sums()
        held = dict(now.positions)
        banks = [[bank.id, held.get(bank.id, 0)] for bank in self.registry.directory.banks]
        return [now.issued, now.redeemed, now.outstanding, banks]


def _revoked(value: Cbor) -> tuple[Possession, Reason]:
    possession, reason = codec.array(value, 2)
    if type(reason) is not int or reason not in set(Reason):
        raise Refusal(Code.MALFORMED)
    return Possession.from_cbor(possession), Reason(reason)
