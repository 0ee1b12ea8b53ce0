"""What the ledger lists for our keys: money that this purse did not have, and our own transfers if it lost them.

It counts as accepted and is never refused for a limit; shown later by its payer it is a repeat. What this purse
refused stays refused. A transfer of ours that it does not remember was signed before it was rolled back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from wallet.protocol.bundle import Bundle
from wallet.protocol.certificate import Certificate, check_certificate
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import Issuance, check_issuance
from wallet.protocol.request import check_request, request_ref
from wallet.protocol.transfer import Refresh, TokenRef, ToPayer, Transfer
from wallet.protocol.validity import Token, check_transfer, choose_certificate, issued_tokens
from wallet.purse.evidences import Evidences
from wallet.purse.pay.forgotten import ForgottenPayments
from wallet.purse.purse import Purse
from wallet.purse.store.incoming import LEDGER, Incoming
from wallet.purse.store.objects import outputs_of
from wallet.purse.store.store import DELIVERY_CURSOR
from wallet.purse.store.tokens import Origin, TokenState
from wallet.purse.store.transitions import Transition
from wallet.purse.sync.answers import StatusImport, TransferStatus
from wallet.purse.sync.fundings import keep_issued


@dataclass(frozen=True, slots=True)
class Delivered:
    """``tokens``: money that is new here; ``incomplete``: transfers whose ancestors neither the bundle nor the
    store has, which were passed over."""

    tokens: tuple[Token, ...]
    incomplete: tuple[bytes, ...]


@dataclass(slots=True)
class _Checked:
    """The bundle's transfers that verify, ancestors first."""

    tokens: dict[TokenRef, Token] = field(default_factory=dict)
    signers: dict[bytes, Signed[Certificate]] = field(default_factory=dict)
    transfers: list[Signed[Transfer]] = field(default_factory=list)
    incomplete: tuple[bytes, ...] = ()


class FeedImport:
    """One bundle is one transition."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse
        self._answers = StatusImport(purse)
        self._evidences = Evidences(purse)
        self._incoming = Incoming(purse.store)
        self._remembering = ForgottenPayments(purse)

    @property
    def cursor(self) -> int:
        """Up to where the bank's list was taken; 0 at first."""
        return int(self._purse.store.fact(DELIVERY_CURSOR) or 0)

    def take(self, bundle: Bundle, rows: Sequence[TransferStatus], cursor: int | None) -> Delivered:
        """Verify, then store all of it. Raises the codes of validity and those of ``StatusImport.check``."""
        checked = self._check(bundle)
        self._answers.check(rows)
        ids = [item.id for item in checked.transfers] + [item.id for item in bundle.issuances]
        before = {item.token.ref for item in self._purse.tokens.all()}
        with self._purse.transition(Transition.DELIVER, ids):
            self._keep(bundle, checked)
            self._answers.keep(rows)
            if cursor is not None:
                self._purse.store.set_fact(DELIVERY_CURSOR, cursor)
        held = self._purse.tokens.all(TokenState.HELD)
        fresh = tuple(item.token for item in held if item.token.ref not in before)
        return Delivered(fresh, checked.incomplete)

    # verifying

    def _check(self, bundle: Bundle) -> _Checked:
        directory = self._purse.authority.directory
        for certificate in bundle.certificates:
            check_certificate(certificate, directory)
        for request in bundle.requests:
            check_request(request, directory)
        checked = _Checked()
        for issuance in bundle.issuances:
            check_issuance(issuance, directory)
            checked.tokens.update((token.ref, token) for token in issued_tokens(issuance))
        waiting = list(bundle.transfers)
        while waiting:
            ready = [item for item in waiting if self._inputs(item, checked.tokens) is not None]
            if not ready:
                break
            for transfer in ready:
                self._check_one(transfer, bundle.certificates, checked)
            done = {transfer.id for transfer in ready}
            waiting = [item for item in waiting if item.id not in done]
        checked.incomplete = tuple(item.id for item in waiting)
        return checked

    def _inputs(self, transfer: Signed[Transfer], fresh: Mapping[TokenRef, Token]) -> list[Token] | None:
        found = [fresh.get(ref) or self._purse.objects.token(ref) for ref in transfer.body.inputs]
        whole = [token for token in found if token is not None]
        return whole if len(whole) == len(found) else None

    def _check_one(
        self, transfer: Signed[Transfer], offered: Sequence[Signed[Certificate]], checked: _Checked
    ) -> None:
        inputs = self._inputs(transfer, checked.tokens) or []
        owner = inputs[0].owner
        known = (*offered, *self._purse.objects.certificates_of(owner))
        signer = choose_certificate(known, owner, transfer.body.time)
        made = check_transfer(transfer, inputs, signer.body, self._purse.authority.directory)
        checked.tokens.update((token.ref, token) for token in made)
        checked.signers[transfer.id] = signer
        checked.transfers.append(transfer)

    # storing

    def _keep(self, bundle: Bundle, checked: _Checked) -> None:
        purse = self._purse
        for certificate in bundle.certificates:
            purse.epochs.learn(certificate)
        paid = self._requests_paid(checked)
        for request in bundle.requests:
            if request_ref(request) in paid:
                purse.objects.put_request(request, "theirs", purse.now())
            if purse.epochs.owns(request.body.key):
                purse.objects.put_request(request, "ours", purse.now())
                purse.epochs.learn(request.body.payee)
        for issuance in bundle.issuances:
            purse.objects.put_issuance(issuance)
        fresh = [item for item in checked.transfers if not purse.objects.has_transfer(item.id)]
        for transfer in fresh:
            outputs = outputs_of(transfer, checked.tokens)
            purse.objects.put_transfer(transfer, checked.signers[transfer.id], outputs)
        self._evidences.look(fresh)
        for transfer in checked.transfers:
            self._keep_signed_by_us(transfer, checked.signers[transfer.id].body.key)
        self._remembering.rebuild(paid)
        for transfer in checked.transfers:
            self._remembering.note_refusal(transfer)
        for issuance in bundle.issuances:
            self._keep_issuance(issuance)
        for transfer in checked.transfers:
            self._keep_paid_to_us(transfer, checked)
        for transfer in checked.transfers:
            self._keep_own_redemption(transfer, checked.signers[transfer.id].body.key)

    def _requests_paid(self, checked: _Checked) -> set[bytes]:
        """What the transfers of ours among them answer."""
        owns = self._purse.epochs.owns
        ours = [item.body for item in checked.transfers if owns(checked.signers[item.id].body.key)]
        return {body.purpose for body in ours if isinstance(body.purpose, bytes)}

    def _keep_signed_by_us(self, transfer: Signed[Transfer], key: bytes) -> None:
        purse = self._purse
        if not purse.epochs.owns(key):
            return
        row = purse.store.row("SELECT state FROM outgoing WHERE txid = ?", transfer.id)
        if row is None or row["state"] != "signed":
            purse.outgoing.learn(transfer, key)
            self._remembering.note(transfer)

    def _keep_issuance(self, issuance: Signed[Issuance]) -> None:
        purse, body = self._purse, issuance.body
        if not purse.epochs.owns(body.owner):
            return
        keep_issued(purse, issuance)
        purse.store.write("UPDATE funding SET state = 'done' WHERE id = ?", body.funding)
        for table in ("redemption", "returning_money"):
            caused = purse.store.value(
                f"SELECT txid FROM {table} WHERE substr(txid, 1, 16) = ?", body.funding
            )
            if caused is not None:
                self._answers.keep_outcome(caused, issuance, sum(body.amounts))
        for token in issued_tokens(issuance):
            self._mark_consumed(token)

    def _keep_paid_to_us(self, transfer: Signed[Transfer], checked: _Checked) -> None:
        purse = self._purse
        signer = checked.signers[transfer.id].body
        for token in outputs_of(transfer, checked.tokens):
            if not purse.epochs.owns(token.owner):
                continue
            origin = Origin.CHANGE if token.ref.output == 1 else Origin.DELIVERED
            if purse.tokens.add(token, origin, purse.now(), settled=None, state=TokenState.HELD):
                self._settle_from_store(token)
            self._mark_consumed(token)
        first = checked.tokens[TokenRef(transfer.id, 0)]
        if purse.epochs.owns(first.owner) and self._incoming.containing(transfer.id) is None:
            ref = transfer.body.purpose
            self._incoming.add(
                (transfer.id,),
                ref if isinstance(ref, bytes) else b"",
                first.owner,
                signer.wallet,
                first.amount,
                LEDGER,
                purse.now(),
                Code.DECLINED if self._is_given_back(first) else None,
            )

    def _is_given_back(self, token: Token) -> bool:
        """Whether a redemption of ours gave it back to its payer, for a reason that this store does not remember."""
        own = self._purse.tokens.get(token.ref)
        return own is not None and own.state is TokenState.REFUSED

    def _keep_own_redemption(self, transfer: Signed[Transfer], key: bytes) -> None:
        """The redemption's row, where this store had lost it."""
        purse, purpose = self._purse, transfer.body.redemption
        if purpose is None or not purse.epochs.owns(key):
            return
        kind = (
            "refusal"
            if isinstance(purpose, ToPayer)
            else "refresh"
            if isinstance(purpose, Refresh)
            else "defund"
        )
        caused = self._incoming.containing(transfer.body.inputs[0].txid) if kind == "refusal" else None
        purse.store.insert_new(
            "redemption",
            txid=transfer.id,
            kind=kind,
            amount=transfer.body.amount,
            at=transfer.body.time,
            incoming=None if caused is None else caused["id"],
        )

    def _settle_from_store(self, token: Token) -> None:
        """A verdict that came before the transfer did."""
        values = self._answers.values(token.ref.txid)
        if values is not None:
            self._purse.tokens.settle(token.ref.txid, values)

    def _mark_consumed(self, token: Token) -> None:
        """An own output that a known transfer consumes is no money: we spent it, or refused it."""
        purse = self._purse
        consumer = purse.objects.consumer_of(token.ref)
        own = purse.tokens.get(token.ref)
        if consumer is None or own is None or own.state not in (TokenState.HELD, TokenState.RESERVED):
            return
        is_refusal = isinstance(purse.objects.transfer(consumer).body.purpose, ToPayer)
        purse.tokens.move([token.ref], TokenState.REFUSED if is_refusal else TokenState.SPENT, consumer)
