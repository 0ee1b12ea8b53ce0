"""First start: who holds the wallet, at which bank, a PIN twice, and the making."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from app.engine.engine import Engine, Work
from app.engine.troubles import AppCode
from app.engine.values import Trouble
from app.presenters.keypad import PinPad
from app.presenters.presenter import Presenter
from app.presenters.views.gate import StartStep, StartView
from app.wallets.banking import by_authority_at
from app.wallets.making import MakingStep, WalletSpec, at_real_bank, in_sandbox, sandbox_banks
from app.wallets.opened import OpenWallet
from app.wallets.sandbox_desk import network_of
from hsm.keystore import KeystoreCode
from wallet.protocol.bounds import MAX_NAME_BYTES
from wallet.protocol.codes import Code

_BEFORE: Final = {
    StartStep.HOLDER: StartStep.WELCOME,
    StartStep.PIN: StartStep.HOLDER,
    StartStep.PIN_AGAIN: StartStep.PIN,
}
_KEYPAD: Final = (StartStep.PIN, StartStep.PIN_AGAIN)
_PIN_TROUBLES: Final = (KeystoreCode.PIN_UNFIT, KeystoreCode.PIN_WRONG, KeystoreCode.PIN_BLOCKED)
_STEPS: Final = {
    MakingStep.KEYSTORE: "app_start.making",
    MakingStep.ENROLLING: "app_start.enrolling",
    MakingStep.CERTIFYING: "app_start.certifying",
}


class StartPresenter(Presenter[StartView]):
    """``sandbox``: the folder of the sandbox whose banks are offered; None where a real bank's address is asked for."""

    def __init__(self, engine: Engine, sandbox: Path | None) -> None:
        super().__init__(StartView(), engine)
        self._sandbox = sandbox
        self._typed = PinPad()
        self._first = PinPad()
        self._url = self._root = self._code = self._authority = ""

    def begin(self) -> None:
        """Look which banks there are."""
        if self._sandbox is not None:
            home = self._sandbox
            self._run("app_start.looking", lambda work: sandbox_banks(network_of(home)), self._offer)

    def _offer(self, banks: tuple[str, ...]) -> None:
        self._show(banks=banks, bank=self.view.bank or (banks[0] if banks else ""))

    def set_holder(self, holder: str) -> None:
        self._show(holder=holder, trouble=None)

    def set_merchant(self, is_merchant: bool) -> None:
        self._show(is_merchant=is_merchant)

    def choose_bank(self, bank: str) -> None:
        if bank in self.view.banks:
            self._show(bank=bank)

    def set_bank(self, bank: str, url: str, root: str, code: str, authority: str = "") -> None:
        """A real bank: its id, its address, the central bank's root key (hexadecimal), the enrolment code and, where
        its TLS certificate is of an authority of its own, that one's PEM file. The id is what the person was told, for
        the new keys speak to that bank alone."""
        self._url, self._root, self._code = url.strip(), root.strip(), code.strip()
        self._authority = authority.strip()
        self._show(bank=bank.strip(), trouble=None)

    def press(self, key: str) -> None:
        if self.view.step in _KEYPAD:
            self._typed.press(key)
            self._show(pin_length=self._typed.length, trouble=None)

    def erase(self) -> None:
        self._typed.erase()
        self._show(pin_length=self._typed.length)

    def next(self) -> None:
        """The button of each step. Nobody waits on the first page while the banks are looked for."""
        if self._is_busy and self.view.step is not StartStep.WELCOME:
            return
        match self.view.step:
            case StartStep.WELCOME:
                self._go(StartStep.HOLDER)
            case StartStep.HOLDER:
                self._check_fields()
            case StartStep.PIN if self._typed.is_enough:
                self._first, self._typed = self._typed, PinPad()
                self._go(StartStep.PIN_AGAIN)
            case StartStep.PIN_AGAIN if self._typed.is_enough:
                self._compare()
            case _:
                pass

    def back(self) -> None:
        if not self._is_busy and self.view.step in _BEFORE:
            self._go(_BEFORE[self.view.step])

    def retry(self) -> None:
        """Go on with a making that was interrupted."""
        if self.view.step is StartStep.MAKING and not self._is_busy:
            self._make()

    def _go(self, step: StartStep, trouble: Trouble | None = None) -> None:
        self._typed = PinPad()
        self._show(step=step, pin_length=0, trouble=trouble)

    def _check_fields(self) -> None:
        trouble, authority = self._wrong_fields(), self._authority
        if trouble is not None:
            self._go(StartStep.HOLDER, trouble)
        elif authority:
            then = lambda _: self._go(StartStep.PIN)  # noqa: E731
            self._run("app_start.checking", lambda work: by_authority_at(Path(authority)), then)
        else:
            self._go(StartStep.PIN)

    def _wrong_fields(self) -> Trouble | None:
        view = self.view
        holder = view.holder.strip()
        if not holder or len(holder.encode()) > MAX_NAME_BYTES:
            return Trouble(AppCode.FIELDS_MISSING)
        if self._sandbox is not None:
            return None if view.bank else Trouble(Code.UNREACHABLE)
        has_fields = view.bank and self._root and self._code
        if not has_fields or not self._url.startswith(("http://", "https://")):
            return Trouble(AppCode.FIELDS_MISSING)
        try:
            self._wish()()
        except ValueError:
            return Trouble(Code.KEY_INVALID)
        return None

    def _wish(self) -> Callable[[], WalletSpec]:
        view = self.view
        kind, holder = "merchant" if view.is_merchant else "person", view.holder.strip()
        url, root, code, home, bank = self._url, self._root, self._code, self._sandbox, view.bank
        authority = Path(self._authority) if self._authority else None
        if home is None:
            return lambda: at_real_bank(bank, url, root, code, kind, holder, authority)
        return lambda: in_sandbox(home, bank, kind, holder)

    def _compare(self) -> None:
        again = self._typed.take()
        if not self._first.is_same(again):
            self._first = PinPad()
            self._go(StartStep.PIN, Trouble(AppCode.PINS_DIFFER))
            return
        self._go(StartStep.MAKING)
        self._make()

    def _make(self) -> None:
        pin, wish = self._first.peek(), self._wish()

        def job(work: Work) -> OpenWallet:
            return work.make(wish(), pin, lambda step: work.tell(_STEPS[step]))

        self._run("app_start.making", job, self._made, self._not_made, calls=True)

    def _made(self, opened: OpenWallet) -> None:
        self._first = PinPad()
        self._show(step=StartStep.DONE, holder=opened.profile.name, bank=opened.profile.bank)

    def _not_made(self, trouble: Trouble) -> None:
        if trouble.code in _PIN_TROUBLES:
            self._first = PinPad()
            self._go(StartStep.PIN, trouble)
        else:
            self._show(trouble=trouble)
