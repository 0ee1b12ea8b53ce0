"""History: every line of what happened to the pocket's money, in every state.

Rule: each token that was ever this purse's has come with one line, and if it is no longer held, has gone with one.
A line's ``change`` is what the tokens that came with it are worth less those that went with it, so the changes of all
lines sum to what the pocket holds. A token counts at its face where it was paid on, else at its settled value; what
is missing to its face is ``lost`` on the line that it came with.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from wallet.protocol.codes import Code
from wallet.protocol.evidence import Contradiction
from wallet.protocol.lifetime import redeem_until
from wallet.protocol.settlement import Verdict
from wallet.purse.evidences import Evidences
from wallet.purse.purse import Purse
from wallet.purse.store.payments import UNANSWERED, Payments, PaymentState, PaymentSummary
from wallet.purse.store.store import Row
from wallet.purse.store.tokens import OwnToken, TokenState


class EventKind(StrEnum):
    """LOST: something else consumed a token that was held. EXPIRED: its grace passed, so that its bank has it refunded
    to the account."""

    PAID = "paid"
    RECEIVED = "received"
    REFUSED = "refused"
    FUNDED = "funded"
    REFRESHED = "refreshed"
    DEFUNDED = "defunded"
    LOST = "lost"
    EXPIRED = "expired"


SETTLED: Final = "settled"
"""The ledger has decided, and all of it stands."""
SHORT: Final = "short"
"""The ledger has decided, and a part of it stands."""
LOST: Final = "lost"
"""The ledger has decided, and nothing of it stands."""
LEDGER: Final = "ledger"
"""Known from the ledger alone."""
REFUNDED: Final = "refunded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of history. ``id``: the payment's, the incoming payment's, the funding's, the redemption's, or the
    transaction's that was not ours to see.

    ``state`` is that of a payment or funding; once the ledger has decided about all of it, ``settled``, ``short`` or
    ``lost``; of received money until then ``payer`` or ``ledger``, who brought it. ``who`` the other side's name where
    a merchant has one, ``wallet`` its wallet id; ``contact`` the key that signed beside the request that was paid, and
    ``called`` what its holder is called here.

    ``change``: tiyn by which the pocket holds more (or less) for it. ``lost``: tiyn that the ledger gave to somebody
    else; ``claim``: the wallet id against which the holder has the claim for that, empty where nobody is named.
    """

    kind: EventKind
    at: int
    amount: int
    id: bytes
    state: str
    who: str = ""
    wallet: bytes = b""
    memo: str = ""
    code: Code | None = None
    change: int = 0
    lost: int = 0
    claim: bytes = b""
    contact: bytes = b""
    called: str = ""


@dataclass(slots=True)
class Line:
    """What has come and gone with one event."""

    came: list[OwnToken] = field(default_factory=list)
    went: list[OwnToken] = field(default_factory=list)


class History:
    """Reads the purse; changes nothing."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse
        self._payments = Payments(purse.store, purse.objects)
        self._evidences = Evidences(purse)

    def events(self) -> tuple[Event, ...]:
        """Oldest first."""
        ledger = Lines(self._purse)
        known = [*self._paid(), *self._received(), *self._funded(), *self._redeemed()]
        listed = {event.id for event in known}
        others = [self._unlisted(name, line) for name, line in ledger.lines.items() if name not in listed]
        events = (self._counted(event, ledger) for event in (*known, *others))
        return tuple(sorted(events, key=lambda event: (event.at, event.id)))

    def _counted(self, event: Event, ledger: Lines) -> Event:
        """With what the line's tokens say of it."""
        line = ledger.lines.get(event.id)
        if line is None:
            return event
        came, went = sum(map(ledger.value, line.came)), sum(map(ledger.value, line.went))
        lost = sum(own.token.amount - ledger.value(own) for own in line.came)
        if event.kind is EventKind.LOST:
            lost = went
        claim = self._claim(line) if lost else b""
        return replace(event, state=_state(event, line, lost), change=came - went, lost=lost, claim=claim)

    def _claim(self, line: Line) -> bytes:
        """Who signed twice, by evidence about what these tokens descend from, or about who took them."""
        behind: set[bytes] = {own.holder for own in line.went if own.holder is not None}
        for own in line.came:
            behind |= self._purse.objects.carried(own.token.ref.txid).transfers
        for evidence in self._evidences.all():
            if evidence.kind is Contradiction.CONFLICT and {evidence.first.id, evidence.second.id} & behind:
                return evidence.certificate.body.wallet
        return b""

    # what the purse has rows of

    def _paid(self) -> list[Event]:
        rows = self._purse.store.rows(
            "SELECT id, r.key, name FROM payment LEFT JOIN recognised r USING (request)"
            " LEFT JOIN contact USING (key) WHERE state <> 'dropped'"
        )
        return [
            Event(
                kind=EventKind.PAID,
                at=item.at,
                amount=item.amount,
                id=item.id,
                state=self._payment_state(item),
                who=item.payee.name,
                wallet=item.payee.wallet,
                memo=item.memo,
                code=item.code,
                contact=bytes(row["key"] or b""),
                called=row["name"] or "",
            )
            for row, item in ((row, self._payments.summary(row["id"])) for row in rows)
        ]

    def _payment_state(self, item: PaymentSummary) -> str:
        """The payment's own until the ledger has decided: then it is settled, with a receipt or without, or did not
        reach the payee whole."""
        if item.state is PaymentState.REFUSED or not self._payments.is_decided(item.id):
            return item.state.value
        reached, whole = self._payments.reached(item.id)
        if reached < whole:
            return SHORT if reached else LOST
        return LEDGER if item.told and item.state in UNANSWERED else SETTLED

    def _received(self) -> list[Event]:
        rows = self._purse.store.rows("SELECT * FROM incoming WHERE amount > 0")
        return [self._received_event(row) for row in rows]

    def _received_event(self, row: Row) -> Event:
        request = self._purse.objects.request(row["request"])
        code = None if row["code"] is None else Code(row["code"])
        sql = "SELECT txid FROM incoming_transfer WHERE incoming = ? ORDER BY place LIMIT 1"
        signer = self._purse.objects.signer(self._purse.store.value(sql, row["id"])).body
        return Event(
            kind=EventKind.RECEIVED if code is None else EventKind.REFUSED,
            at=row["at"],
            amount=row["amount"],
            id=row["id"],
            state=row["source"],
            who=signer.name,
            wallet=row["payer"],
            memo="" if request is None else request.body.memo,
            code=code,
        )

    def _funded(self) -> list[Event]:
        rows = self._purse.store.rows("SELECT * FROM funding WHERE state <> 'dropped'")
        return [
            Event(kind=EventKind.FUNDED, at=row["at"], amount=row["amount"], id=row["id"], state=row["state"])
            for row in rows
        ]

    def _redeemed(self) -> list[Event]:
        rows = self._purse.store.rows(
            "SELECT r.*, a.verdict FROM redemption r LEFT JOIN answer a USING (txid) WHERE kind <> 'refusal'"
        )
        return [
            Event(
                kind=_REDEMPTIONS[row["kind"]],
                at=row["at"],
                amount=row["amount"],
                id=row["txid"],
                state=_redemption_state(row),
            )
            for row in rows
        ]

    # what it has tokens of, and no row

    def _unlisted(self, name: bytes, line: Line) -> Event:
        """Of a token that something else took, that has expired, or that this store once forgot."""
        if line.went and not line.came and line.went[0].state is TokenState.LOST:
            at = max(own.at for own in line.went)
            return Event(kind=EventKind.LOST, at=at, amount=_faces(line.went), id=name, state=LOST)
        if line.went and line.went[0].state is TokenState.EXPIRED:
            grace = self._purse.authority.policy.head.grace
            at = redeem_until(line.went[0].token.expires, grace) + 1
            amount = sum(own.worth for own in line.went)
            return Event(kind=EventKind.EXPIRED, at=at, amount=amount, id=name, state=REFUNDED)
        if line.went or self._is_ours(name):
            return self._signed_before(name)
        at = max(own.at for own in line.came)
        kind = EventKind.RECEIVED if self._purse.objects.has_transfer(name) else EventKind.FUNDED
        return Event(kind=kind, at=at, amount=_faces(line.came), id=name, state=LEDGER)

    def _is_ours(self, txid: bytes) -> bool:
        objects = self._purse.objects
        return objects.has_transfer(txid) and self._purse.epochs.owns(objects.signer(txid).body.key)

    def _signed_before(self, txid: bytes) -> Event:
        """A payment that this store does not remember: it was put back from a copy, or lost."""
        body = self._purse.objects.transfer(txid).body
        request = self._purse.objects.request(body.purpose) if isinstance(body.purpose, bytes) else None
        payee = None if request is None else request.body.payee.body
        return Event(
            kind=EventKind.PAID,
            at=body.time,
            amount=body.amount,
            id=txid,
            state=LEDGER,
            who="" if payee is None else payee.name,
            wallet=b"" if payee is None else payee.wallet,
            memo="" if request is None else request.body.memo,
        )


_REDEMPTIONS: Final = {"refresh": EventKind.REFRESHED, "defund": EventKind.DEFUNDED}


def _redemption_state(row: Row) -> str:
    if row["value"] is None:
        return "open"
    return "refused" if row["verdict"] == Verdict.REFUSED else "done"


def _state(event: Event, line: Line, lost: int) -> str:
    """Of received money: what the ledger has decided."""
    if event.kind is not EventKind.RECEIVED or any(own.settled is None for own in line.came):
        return event.state
    if not lost:
        return SETTLED
    return LOST if lost == _faces(line.came) else SHORT


def _faces(tokens: Iterable[OwnToken]) -> int:
    return sum(own.token.amount for own in tokens)


class Lines:
    """Which line each token has come and gone with, by the line's id."""

    def __init__(self, purse: Purse) -> None:
        self._store = purse.store
        self._objects = purse.objects
        self.lines: dict[bytes, Line] = defaultdict(Line)
        self._made: dict[bytes, bytes] = {}
        self._used: dict[bytes, bytes] = {}
        self._paid_on: set[bytes] = set()
        for own in purse.tokens.all():
            if own.state is TokenState.REFUSED:
                continue
            self.lines[self._made_by(own)].came.append(own)
            if own.state in (TokenState.SPENT, TokenState.LOST, TokenState.EXPIRED):
                self.lines[self._gone_with(own)].went.append(own)

    def value(self, own: OwnToken) -> int:
        """Tiyn at which it counts: whoever paid it on, gave it at its face."""
        return own.token.amount if own.holder in self._paid_on else own.worth

    def _made_by(self, own: OwnToken) -> bytes:
        txid = own.token.ref.txid
        if txid not in self._made:
            self._made[txid] = self._maker(txid)
        return self._made[txid]

    def _maker(self, txid: bytes) -> bytes:
        """The line of a transaction that made a token."""
        incoming = self._store.value(
            "SELECT t.incoming FROM incoming_transfer t JOIN incoming i ON i.id = t.incoming"
            " WHERE t.txid = ? AND i.amount > 0 ORDER BY i.at LIMIT 1",
            txid,
        )
        if incoming is not None:
            return bytes(incoming)
        if self._objects.has_transfer(txid):
            return self._user(txid)
        funding = self._objects.issuance(txid).body.funding
        for sql in (
            "SELECT txid FROM redemption WHERE substr(txid, 1, 16) = ? AND kind <> 'refusal'",
            "SELECT payment FROM returning_money WHERE substr(txid, 1, 16) = ?",
        ):
            found = self._store.value(sql, funding)
            if found is not None:
                return bytes(found)
        return funding

    def _gone_with(self, own: OwnToken) -> bytes:
        if own.state is TokenState.EXPIRED:
            return hashlib.sha256(b"expired" + own.token.expires.to_bytes(8, "big")).digest()
        holder = own.holder or own.token.ref.txid
        if own.state is TokenState.LOST:
            return holder
        if holder not in self._used:
            self._used[holder] = self._user(holder)
            if self._store.value("SELECT 1 FROM redemption WHERE txid = ?", holder) is None:
                self._paid_on.add(holder)
        return self._used[holder]

    def _user(self, txid: bytes) -> bytes:
        """The line of a transfer of our own."""
        payment = self._store.value("SELECT payment FROM outgoing WHERE txid = ?", txid)
        return txid if payment is None else bytes(payment)
