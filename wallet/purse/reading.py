"""Looking at the purse: balance, tokens, history, a token's chain, what is at risk. Nothing here changes it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from wallet.protocol.codes import Code, Refusal
from wallet.protocol.lifetime import redeem_until
from wallet.protocol.transfer import Redemption, TokenRef
from wallet.purse.payments import UNANSWERED, Payments
from wallet.purse.purse import Purse
from wallet.purse.spendable import Spendable, total_of
from wallet.purse.store import Row
from wallet.purse.tokens import OwnToken, TokenState


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Where the money is, in tiyn. ``held`` is everything unspent.

    ``spendable`` can be paid with now; ``unsettled`` is the part of it that was received and has not reconciled;
    ``waiting`` is held and needs a reconciling before it can be spent; ``reserved`` lies under an intent that was
    never signed. On the way: ``signed`` left in payments without a receipt, ``redeeming`` is being refreshed,
    defunded or given back to us, ``funding`` was asked for and has not come. ``refused`` is what we refused in
    all: it was never ours.
    """

    spendable: int
    unsettled: int
    waiting: int
    reserved: int
    signed: int
    redeeming: int
    funding: int
    refused: int

    @property
    def held(self) -> int:
        return self.spendable + self.waiting + self.reserved


@dataclass(frozen=True, slots=True)
class Risk:
    """What would go with the device now (tiyn). ``amount`` in all, of which ``unsettled`` was received and the
    ledger may never hear of; the rest comes back after ``until`` (unix seconds: expiry and grace), None if there
    is nothing."""

    amount: int
    unsettled: int
    until: int | None


class EventKind(StrEnum):
    PAID = "paid"
    RECEIVED = "received"
    REFUSED = "refused"
    FUNDED = "funded"
    REFRESHED = "refreshed"
    DEFUNDED = "defunded"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of history. ``id``: the payment's, the incoming payment's, the funding's or the redemption's;
    ``state`` is that of a payment or funding; of received money ``settled`` once the ledger has decided about all of
    it, until then ``payer`` or ``ledger``, who brought it; ``who`` the other side's name where a merchant has one,
    ``wallet`` its wallet id."""

    kind: EventKind
    at: int
    amount: int
    id: bytes
    state: str
    who: str
    wallet: bytes
    memo: str
    code: Code | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainLink:
    """One transaction of a chain: tiyn and hop of the output that goes on; ``signer`` the wallet id that signed,
    None for the central bank; ``redemption`` what a redemption asks for."""

    txid: bytes
    at: int
    amount: int
    hop: int
    signer: bytes | None
    bank: str | None
    redemption: Redemption | None


SETTLED = "settled"
_REDEMPTIONS = {"refresh": EventKind.REFRESHED, "defund": EventKind.DEFUNDED}


class Reading:
    """Reads the purse; changes nothing."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse
        self._payments = Payments(purse.store, purse.objects)
        self._spendable = Spendable(purse)

    def _sum(self, sql: str) -> int:
        return int(self._purse.store.value(sql) or 0)

    def balance(self) -> Balance:
        held = self._purse.tokens.all(TokenState.HELD)
        spendable = {item.ref for item in self._spendable.funds().candidates} if held else set()
        ready = [item for item in held if item.token.ref in spendable]
        return Balance(
            spendable=total_of(ready),
            unsettled=total_of(item for item in ready if item.is_received_unsettled),
            waiting=total_of(held) - total_of(ready),
            reserved=total_of(self._purse.tokens.all(TokenState.RESERVED)),
            signed=sum(item.amount for item in self._payments.in_states(*UNANSWERED)),
            redeeming=self._redeeming(),
            funding=self._sum("SELECT sum(amount) FROM funding WHERE state = 'open'"),
            refused=total_of(self._purse.tokens.all(TokenState.REFUSED)),
        )

    def _redeeming(self) -> int:
        own = "SELECT sum(amount) FROM redemption WHERE kind <> 'refusal' AND value IS NULL"
        returning = "SELECT sum(amount) FROM returning_money WHERE value IS NULL"
        return self._sum(own) + self._sum(returning)

    def tokens(self) -> tuple[OwnToken, ...]:
        return self._purse.tokens.all(TokenState.HELD, TokenState.RESERVED)

    def risk(self) -> Risk:
        tokens = self.tokens()
        if not tokens:
            return Risk(0, 0, None)
        last = max(item.token.expires for item in tokens)
        until = redeem_until(last, self._purse.authority.policy.head.grace)
        unsettled = total_of(item for item in tokens if item.is_received_unsettled)
        return Risk(total_of(tokens), unsettled, until)

    def history(self) -> tuple[Event, ...]:
        events = [*self._paid(), *self._received(), *self._funded(), *self._redeemed()]
        return tuple(sorted(events, key=lambda event: (event.at, event.id)))

    def _paid(self) -> list[Event]:
        rows = self._purse.store.rows("SELECT id FROM payment WHERE state <> 'dropped'")
        found = []
        for item in (self._payments.summary(row["id"]) for row in rows):
            payee = item.payee
            found.append(
                Event(
                    kind=EventKind.PAID,
                    at=item.at,
                    amount=item.amount,
                    id=item.id,
                    state=item.state.value,
                    who=payee.name,
                    wallet=payee.wallet,
                    memo=item.memo,
                    code=item.code,
                )
            )
        return found

    def _received(self) -> list[Event]:
        return [
            self._received_event(row)
            for row in self._purse.store.rows("SELECT * FROM incoming WHERE amount > 0")
        ]

    def _received_event(self, row: Row) -> Event:
        request = self._purse.objects.request(row["request"])
        code = None if row["code"] is None else Code(row["code"])
        signer = self._purse.objects.signer(self._first_transfer(row["id"])).body
        return Event(
            kind=EventKind.RECEIVED if code is None else EventKind.REFUSED,
            at=row["at"],
            amount=row["amount"],
            id=row["id"],
            state=SETTLED if code is None and self._is_settled(row["id"]) else row["source"],
            who=signer.name,
            wallet=row["payer"],
            memo="" if request is None else request.body.memo,
            code=code,
        )

    def _is_settled(self, incoming: bytes) -> bool:
        """Whether the ledger has decided about all that a payment brought."""
        sql = (
            "SELECT count(*) > 0 AND count(*) = count(t.settled) FROM incoming_transfer i"
            " JOIN token t ON t.txid = i.txid AND t.output = 0 WHERE i.incoming = ?"
        )
        return bool(self._purse.store.value(sql, incoming))

    def _first_transfer(self, incoming: bytes) -> bytes:
        sql = "SELECT txid FROM incoming_transfer WHERE incoming = ? ORDER BY place LIMIT 1"
        return bytes(self._purse.store.value(sql, incoming))

    def _funded(self) -> list[Event]:
        rows = self._purse.store.rows("SELECT * FROM funding WHERE state <> 'dropped'")
        return [
            Event(
                kind=EventKind.FUNDED,
                at=row["at"],
                amount=row["amount"],
                id=row["id"],
                state=row["state"],
                who="",
                wallet=b"",
                memo="",
                code=None,
            )
            for row in rows
        ]

    def _redeemed(self) -> list[Event]:
        rows = self._purse.store.rows("SELECT * FROM redemption WHERE kind <> 'refusal'")
        return [
            Event(
                kind=_REDEMPTIONS[row["kind"]],
                at=row["at"],
                amount=row["amount"],
                id=row["txid"],
                state="open" if row["value"] is None else "done",
                who="",
                wallet=b"",
                memo="",
                code=None,
            )
            for row in rows
        ]

    def chain(self, ref: TokenRef) -> tuple[ChainLink, ...]:
        """Along the inputs of the highest hop; side branches are left out."""
        links: list[ChainLink] = []
        current: TokenRef | None = ref
        while current is not None:
            link, current = self._link(current)
            links.append(link)
        return tuple(reversed(links))

    def _link(self, ref: TokenRef) -> tuple[ChainLink, TokenRef | None]:
        objects = self._purse.objects
        token = objects.token(ref)
        if token is None:
            raise Refusal(Code.PROVENANCE_MISSING, {"token": str(ref)})
        if not objects.has_transfer(ref.txid):
            return ChainLink(
                txid=ref.txid,
                at=token.made,
                amount=token.amount,
                hop=token.hop,
                signer=None,
                bank=None,
                redemption=None,
            ), None
        transfer, signer = objects.transfer(ref.txid), objects.signer(ref.txid).body
        inputs = [
            (item.hop, item.ref) for item in map(objects.token, transfer.body.inputs) if item is not None
        ]
        link = ChainLink(
            txid=ref.txid,
            at=transfer.body.time,
            amount=token.amount,
            hop=token.hop,
            signer=signer.wallet,
            bank=signer.bank,
            redemption=transfer.body.redemption,
        )
        return link, max(inputs)[1]
