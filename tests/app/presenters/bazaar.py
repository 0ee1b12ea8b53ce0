"""A customer and a shop with a window each, as every test here wants them."""

from __future__ import annotations

from pathlib import Path

from app.presenters.views.pay import PayView
from app.presenters.views.receive import ReceiveStep
from tests.support.manual_worker import PIN, Field, NetworkSource, Person, person, shows
from tests.support.wallets import WalletNetwork

AMOUNT = 125_050


class Bazaar:
    """A customer and a shop, each with a window; the shop has sold already."""

    def __init__(self, folder: Path, field: Field | None = None) -> None:
        self.field = field
        self.net = WalletNetwork(folder)
        self.net.wallet("alia", 100_000, 50_000, 20_000)
        self.net.merchant("shop", 30_000, bank="zhibek")
        self.alia = self.opens("alia")
        self.shop = self.opens("shop")

    def opens(self, name: str) -> Person:
        """A new process over what is on the disk of ``name``."""
        source = NetworkSource(self.net, name)
        return person(source, lambda: self.net.world.now, self.net.folder / name, self.field).unlock()

    def asks(self, typed: str = "1250,50", **kind: bool) -> None:
        receive = self.shop.container.receive
        for name, value in kind.items():
            getattr(receive, f"set_{name}")(value)
        self.shop.type(receive.press, typed)
        receive.ask()
        self.shop.settle()
        assert receive.view.step is ReceiveStep.ASKING

    def scans_request(self) -> PayView:
        shows(self.shop.container.receive.view.shown, self.alia.container.pay.seen)
        self.alia.settle()
        return self.alia.container.pay.view

    def asks_anew(self, typed: str) -> None:
        self.shop.container.receive.leave()
        self.asks(typed)

    def tries(self, pin: str) -> PayView:
        """Type a PIN, and say yes."""
        pay = self.alia.container.pay
        self.alia.type(pay.pin_press, pin)
        pay.accept()
        self.alia.settle()
        return pay.view

    def confirms(self, pin: str = PIN) -> PayView:
        pay = self.alia.container.pay
        pay.accept()
        self.alia.settle()
        return self.tries(pin)

    def scans_payment(self) -> None:
        shows(self.alia.container.pay.view.shown, self.shop.container.receive.seen)
        self.shop.settle()

    def scans_receipt(self) -> PayView:
        shows(self.shop.container.receive.view.receipt, self.alia.container.pay.seen)
        self.alia.settle()
        return self.alia.container.pay.view

    def held(self, name: str) -> int:
        return self.net.wallets[name].balance().held
