"""First start: nothing is made before the same PIN was typed twice, and what was interrupted goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.catalogue import catalogue
from app.engine.troubles import trouble_of
from app.engine.values import Busy, Trouble
from app.presenters.start import StartPresenter
from app.presenters.views.gate import StartStep, StartView
from app.wallets.banking import by_authority_at
from app.wallets.making import MakingStep, Tell, WalletSpec
from app.wallets.missing import MissingPart
from app.wallets.opened import OpenWallet
from tests.support.certificates import Authority
from tests.support.manual_worker import NetworkSource, Person, person
from tests.support.wallets import WalletNetwork
from wallet.protocol.codes import Code, Refusal

ROOT = "02" + "11" * 32


class Maker(NetworkSource):
    """A source that makes: ``refuses`` is raised by the next making, once."""

    def __init__(self, net: WalletNetwork) -> None:
        super().__init__(net, "alia")
        self.made: list[tuple[WalletSpec, str]] = []
        self.refuses: Exception | None = None

    def make(self, wish: WalletSpec, pin: str, tell: Tell, is_stopped: object) -> OpenWallet:
        self.made.append((wish, pin))
        tell(MakingStep.KEYSTORE)
        refusal, self.refuses = self.refuses, None
        if refusal is not None:
            raise refusal
        tell(MakingStep.ENROLLING)
        return self.open("1234")


@pytest.fixture
def maker(tmp_path: Path) -> Iterator[Maker]:
    net = WalletNetwork(tmp_path)
    net.wallet("alia")
    yield Maker(net)
    net.close()


@pytest.fixture
def alia(maker: Maker) -> Person:
    return person(maker, lambda: maker.net.world.now, maker.net.folder / "alia")


def fills_in(
    alia: Person, holder: str = "Алия", authority: Path | None = None, content: str | None = None
) -> StartPresenter:
    if authority is not None and content is not None:
        authority.write_text(content)
    start = alia.container.start
    start.begin()
    start.next()
    start.set_holder(holder)
    start.set_bank("alatau", "https://bank.kz", ROOT, "code-1", str(authority or ""))
    start.next()
    return start


@pytest.mark.parametrize("content", [None, "no certificate"], ids=["missing", "no certificate"])
def test_an_authority_that_is_none_is_told_with_its_file(
    alia: Person, tmp_path: Path, content: str | None
) -> None:
    start = fills_in(alia, authority=tmp_path / "authority.pem", content=content)
    alia.settle()
    told = Trouble("authority_unfit", {"file": str(tmp_path / "authority.pem")})
    assert (start.view.step, start.view.busy, start.view.trouble) == (StartStep.HOLDER, None, told)
    assert "TLS authority" in catalogue("en").tell(told.code).what
    assert catalogue("en").text("app_start.bank_authority").startswith("TLS authority")


def test_the_authority_of_the_banks_certificate_is_kept_with_the_wallet(
    alia: Person, maker: Maker, tmp_path: Path
) -> None:
    authority = Authority(tmp_path).file
    start = fills_in(alia, authority=authority)
    assert start.view.step is StartStep.HOLDER, "read by the worker, not by the window"
    alia.settle()
    assert (start.view.step, start.view.trouble) == (StartStep.PIN, None)
    types(alia, "2468")
    types(alia, "2468")
    ((wish, _),) = maker.made
    assert wish.profile.authority == str(authority)


def test_a_wallet_whose_authority_is_gone_is_told_so() -> None:
    with pytest.raises(MissingPart) as missing:
        by_authority_at(Path("/nowhere/authority.pem"))
    assert trouble_of(missing.value) == Trouble("authority_unfit", {"file": "/nowhere/authority.pem"})


def types(alia: Person, pin: str) -> StartView:
    alia.type(alia.container.start.press, pin)
    alia.container.start.next()
    alia.settle()
    return alia.container.start.view


def test_a_wallet_is_made_after_the_same_pin_twice(alia: Person, maker: Maker) -> None:
    start = fills_in(alia)
    seen: list[Busy] = []
    start.watch(lambda view: seen.append(view.busy) if view.busy else None)
    assert start.view.step is StartStep.PIN
    assert types(alia, "2468").step is StartStep.PIN_AGAIN
    assert maker.made == []
    view = types(alia, "2468")
    assert (view.step, view.trouble) == (StartStep.DONE, None)
    ((wish, pin),) = maker.made
    assert (pin, wish.profile.url, wish.profile.root) == ("2468", "https://bank.kz", ROOT)
    assert (wish.profile.kind, wish.profile.name, wish.code(b"")) == ("person", "Алия", "code-1")
    assert [busy.step for busy in seen] == ["app_start.making", "app_start.enrolling"]
    alia.container.home.refresh()
    alia.settle()
    assert alia.container.home.view.balance is not None


def test_two_pins_that_differ_make_nothing(alia: Person, maker: Maker) -> None:
    fills_in(alia)
    types(alia, "2468")
    view = types(alia, "2469")
    assert (view.step, view.trouble, view.pin_length) == (StartStep.PIN, Trouble("pins_differ"), 0)
    types(alia, "2469")
    assert maker.made == []
    assert types(alia, "2469").step is StartStep.DONE


def test_an_interrupted_making_goes_on_with_the_same_pin(alia: Person, maker: Maker) -> None:
    maker.refuses = Refusal(Code.UNREACHABLE, {"service": "bank"})
    fills_in(alia)
    types(alia, "2468")
    view = types(alia, "2468")
    assert (view.step, view.trouble) == (StartStep.MAKING, Trouble(Code.UNREACHABLE, {"service": "bank"}))
    alia.container.start.retry()
    alia.settle()
    assert alia.container.start.view.step is StartStep.DONE
    assert [pin for _, pin in maker.made] == ["2468", "2468"]


@pytest.mark.parametrize(
    ("holder", "bank", "code"),
    [
        (" ", ("alatau", "https://bank.kz", ROOT, "c"), "fields_missing"),
        ("я" * 200, ("alatau", "https://bank.kz", ROOT, "c"), "fields_missing"),
        ("Алия", ("alatau", "", ROOT, "c"), "fields_missing"),
        ("Алия", ("", "https://bank.kz", ROOT, "c"), "fields_missing"),
        ("Алия", ("alatau", "https://bank.kz", ROOT, ""), "fields_missing"),
        ("Алия", ("alatau", "ftp://bank.kz", ROOT, "c"), "fields_missing"),
        ("Алия", ("alatau", "https://bank.kz", ROOT[:-2], "c"), "key_invalid"),
        ("Алия", ("alatau", "https://bank.kz", "xyz", "c"), "key_invalid"),
    ],
)
def test_what_is_not_filled_in_stays_where_it_is(
    alia: Person, holder: str, bank: tuple[str, str, str, str], code: str
) -> None:
    start = alia.container.start
    start.next()
    start.set_holder(holder)
    start.set_bank(*bank)
    start.next()
    assert (start.view.step, start.view.trouble) == (StartStep.HOLDER, Trouble(code))


def test_back_forgets_the_pin(alia: Person, maker: Maker) -> None:
    start = fills_in(alia)
    types(alia, "2468")
    start.back()
    assert (start.view.step, start.view.pin_length) == (StartStep.PIN, 0)
    start.back()
    start.back()
    assert start.view.step is StartStep.WELCOME
    assert maker.made == []


def test_without_a_sandbox_no_bank_can_be_chosen(maker: Maker, tmp_path: Path) -> None:
    alia = person(maker, lambda: maker.net.world.now, maker.net.folder / "alia")
    start = StartPresenter(alia.container.engine, tmp_path / "no sandbox")
    start.begin()
    alia.settle()
    assert start.view.trouble == Trouble(Code.UNREACHABLE)
    start.choose_bank("alatau")
    assert start.view.bank == ""
