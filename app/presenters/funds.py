"""Money between the account and the pocket."""

from __future__ import annotations

from dataclasses import dataclass

from app.engine.engine import Engine, Stopped, Work
from app.engine.values import Trouble
from app.presenters.confirming import ConfirmingPresenter
from app.presenters.keypad import PinPad, amount_of, pressed
from app.presenters.views.ledger import FundsView
from app.wallets.doing import doing
from ledger_sync.client import defund, fund
from wallet.protocol.codes import Code
from wallet.purse.view.balance import Balance


@dataclass(frozen=True, slots=True)
class _Moved:
    amount: int
    account: int | None
    balance: Balance


class FundsPresenter(ConfirmingPresenter[FundsView]):
    """Funding needs the bank; so does defunding, which is confirmed with the PIN."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(FundsView(account=engine.account), engine)

    def refresh(self) -> None:
        """The balance at once, and the account when the bank has been asked: nobody waits for that."""
        self._run("app_ledger.looking", lambda work: work.wallet.balance(), self._looked)
        self._engine.submit(_account, self._heard, calls=True)

    def _looked(self, balance: Balance) -> None:
        self._show(balance=balance, account=self._engine.account)

    def _heard(self, outcome: object) -> None:
        """An account that could not be asked for stays as it was known."""
        if not isinstance(outcome, Trouble | Stopped):
            self._show(account=self._engine.account)

    def direction(self, is_in: bool) -> None:
        self._pin = PinPad()
        self._show(is_in=is_in, pin_length=None, moved=None, trouble=None)

    def press(self, key: str) -> None:
        self._type(pressed(self.view.typed, key))

    def erase(self) -> None:
        self._type(self.view.typed[:-1])

    def _type(self, typed: str) -> None:
        if not self._is_busy and self.view.pin_length is None:
            self._show(typed=typed, amount=amount_of(typed), moved=None, trouble=None)

    def go(self) -> None:
        """Move the amount; defunding asks for the PIN first, and goes with the next ``go``."""
        view = self.view
        if self._is_busy:
            return
        if not view.amount:
            self._fail(Trouble(Code.AMOUNT_INVALID))
        elif view.is_in:
            self._run("app_ledger.funding", lambda work: _funded(work, view.amount), self._moved, calls=True)
        elif view.pin_length is None:
            self._ask_pin()
        elif (pin := self._typed_pin()) is not None:
            self._take_out(view.amount, pin)

    def _take_out(self, amount: int, pin: str) -> None:
        self._run("app_ledger.defunding", lambda work: _defunded(work, amount, pin), self._moved, calls=True)

    def _moved(self, moved: _Moved) -> None:
        self._show(
            typed="",
            amount=0,
            pin_length=None,
            moved=moved.amount,
            account=moved.account,
            balance=moved.balance,
        )


def _account(work: Work) -> None:
    with work.bank() as bank:
        work.note_account(bank.account().balance)


def _funded(work: Work, amount: int) -> _Moved:
    with work.bank() as bank:
        with doing("fund"):
            fund(work.wallet, bank, amount)
        account = work.account_afterwards(bank)
    return _Moved(amount, account, work.wallet.balance())


def _defunded(work: Work, amount: int, pin: str) -> _Moved:
    with work.bank() as bank:
        work.keystore.confirm_pin(pin)
        with doing("defund"):
            value = defund(work.wallet, bank, amount)
        account = work.account_afterwards(bank)
    return _Moved(value, account, work.wallet.balance())
