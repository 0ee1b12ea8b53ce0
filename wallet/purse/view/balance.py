"""Looking at the purse: balance, tokens, a token's chain, what is at risk. Nothing here changes it."""

from __future__ import annotations

from dataclasses import dataclass

from wallet.protocol.codes import Code, Refusal
from wallet.protocol.lifetime import redeem_until
from wallet.protocol.transfer import Redemption, TokenRef
from wallet.purse.pay.spendable import Spendable, total_of
from wallet.purse.purse import Purse
from wallet.purse.store.journal import PurseState
from wallet.purse.store.payments import Payments
from wallet.purse.store.tokens import OwnToken, TokenState


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Where the money is, in tiyn. ``held`` is everything unspent.

    ``spendable`` can be paid with now, nothing of it while the purse is rolled back; ``unsettled`` is the part of it
    that was received and has not reconciled; ``waiting`` is held and needs a reconciling before it can be spent;
    ``reserved`` lies under an intent that was never signed. On the way: ``signed`` left in payments that have no
    receipt and that the ledger has not decided, ``redeeming`` is being refreshed, defunded or given back to us,
    ``funding`` was asked for and has not come. ``refused`` is what we refused, so that it was
    never ours, and of which the ledger has not told us yet that it is the payer's again.
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
        """Tiyn of every unspent token of this purse: ``spendable``, ``waiting`` and ``reserved``."""
        return self.spendable + self.waiting + self.reserved


@dataclass(frozen=True, slots=True)
class Exposure:
    """Loss that threatens if the device goes, in tiyn: ``amount`` in all, of which ``unsettled`` was received and
    the ledger may never hear of; the rest comes back after ``until`` (unix seconds: expiry and grace), None if
    there is nothing. A purse that is rolled back may have spent some of it before."""

    amount: int
    unsettled: int
    until: int | None


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


class PurseView:
    """Reads the purse; changes nothing."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse
        self._payments = Payments(purse.store, purse.objects)
        self._spendable = Spendable(purse)

    def _sum(self, sql: str) -> int:
        return int(self._purse.store.value(sql) or 0)

    def balance(self) -> Balance:
        """Balance of this moment, in tiyn; nothing is spendable while the purse is rolled back."""
        held = self._purse.tokens.all(TokenState.HELD)
        is_sound = self._purse.journal.state is PurseState.SOUND
        spendable = {item.ref for item in self._spendable.funds().candidates} if held and is_sound else set()
        ready = [item for item in held if item.token.ref in spendable]
        return Balance(
            spendable=total_of(ready),
            unsettled=total_of(item for item in ready if item.is_received_unsettled),
            waiting=total_of(held) - total_of(ready),
            reserved=total_of(self._purse.tokens.all(TokenState.RESERVED)),
            signed=sum(item.amount for item in self._payments.on_the_way()),
            redeeming=self._redeeming(),
            funding=self._sum("SELECT sum(amount) FROM funding WHERE state = 'open'"),
            refused=self._sum("SELECT sum(amount) FROM redemption WHERE kind = 'refusal' AND value IS NULL"),
        )

    def _redeeming(self) -> int:
        own = "SELECT sum(amount) FROM redemption WHERE kind <> 'refusal' AND value IS NULL"
        returning = "SELECT sum(amount) FROM returning_money WHERE value IS NULL"
        return self._sum(own) + self._sum(returning)

    def tokens(self) -> tuple[OwnToken, ...]:
        """Unspent tokens of this purse, held or under an intent that was never signed."""
        return self._purse.tokens.all(TokenState.HELD, TokenState.RESERVED)

    def risk(self) -> Exposure:
        """Loss that threatens if the device goes now."""
        tokens = self.tokens()
        if not tokens:
            return Exposure(0, 0, None)
        last = max(item.token.expires for item in tokens)
        until = redeem_until(last, self._purse.authority.policy.head.grace)
        unsettled = total_of(item for item in tokens if item.is_received_unsettled)
        return Exposure(total_of(tokens), unsettled, until)

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
