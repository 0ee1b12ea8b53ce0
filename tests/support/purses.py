"""Doings of purses that many of their tests begin with."""

from __future__ import annotations

import pytest

from tests.support.wallets import WalletNetwork
from wallet.protocol import cose
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.payment import Payment
from wallet.protocol.request import Request
from wallet.protocol.transfer import TokenRef, Transfer


def refused(code: Code) -> pytest.RaisesExc[Refusal]:
    return pytest.raises(Refusal, match=f"^{code.value}( |$)")


def total_held(net: WalletNetwork) -> int:
    return sum(wallet.balance().held for wallet in net.wallets.values())


def pay_unseen(net: WalletNetwork, payer: str, request: Signed[Request]) -> tuple[bytes, bytes]:
    """A payment signed for ``request`` whatever becomes of it: its id and bytes."""
    paying = net.wallets[payer].paying
    payment = paying.reserve(request)
    return payment, paying.sign(payment)


class Clone:
    """What copying the purse and the keystore of ``who`` makes possible."""

    def __init__(self, net: WalletNetwork, who: str = "asel") -> None:
        self._town = net
        self._who = who

    def second_payment(self, request: Signed[Request]) -> bytes:
        """The first payment made again, to somebody else, by a purse that does not remember the first."""
        purse = self._town.wallets[self._who]._purse
        (first,) = (
            purse.objects.transfer(row["txid"]) for row in purse.store.rows("SELECT txid FROM outgoing")
        )
        return self.payment_of(first.body.inputs[0], request)

    def payment_of(self, ref: TokenRef, request: Signed[Request], number: int = 1) -> bytes:
        """An issued token, spent whole with the number 1, or another one."""
        purse = self._town.wallets[self._who]._purse
        token = purse.objects.token(ref)
        assert token is not None
        now, purpose = self._town.world.now, request.id[:16]
        body = Transfer(
            inputs=(ref,),
            payee=request.body.key,
            amount=token.amount,
            change=0,
            purpose=purpose,
            sequence=number,
            total=token.amount,
            time=now,
        )
        signer = purse.epochs.certificate_for(token.owner, body.time)
        assert signer is not None
        signed = cose.sign(body, purse.epochs.signer(token.owner))
        return Payment(1, (signed,), (purse.objects.issuance(ref.txid),), (signer,)).encode()
