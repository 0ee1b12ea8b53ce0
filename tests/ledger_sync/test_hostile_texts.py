"""Texts that mean something to a database: in every place of every call they are values, or a typed refusal, on both
engines alike; nothing is made, changed or lost by them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from ledger_sync.sandbox.in_process import CENTRAL_BANK, NOTARY
from tests.ledger_sync.bank.network import BANKS, LedgerNetwork
from tests.support.databases import Databases
from tests.support.world import Key
from wallet.protocol import cose
from wallet.protocol.certificate import WalletKind
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.settlement import Commit, Verdict

TEXTS: Final = (
    "'; drop table customers; --",
    '"; delete from accounts; --',
    "\\'; select pg_sleep(9); --",
    "x' or '1'='1",
    "%s %(name)s $1 ?1 ? {rows} {0}",
    "%' or name like '%",
    "\ufeff\u202e\U0010ffff",
    "\x1b[2J\r\n",
)
NUL: Final = ("\0", "Aigul\0", "a\0'; drop table customers; --")
SIGNED: Final = (TEXTS[0], "alatau\0", "\0")
_OTHERWISE: Final = {Code.INTERNAL, Code.UNREACHABLE, Code.BUSY}
SERVICES: Final = (CENTRAL_BANK, NOTARY, *BANKS)


@pytest.fixture(scope="module", params=["postgres", "sqlite"])
def net(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LedgerNetwork]:
    with ExitStack() as stack:
        urls = {}
        if request.param == "postgres":
            databases = stack.enter_context(Databases(request.getfixturevalue("postgres")))
            urls = {name: databases.fresh() for name in SERVICES}
        folder: Path = tmp_path_factory.mktemp("hostile texts")
        made = LedgerNetwork(folder, databases=urls)
        stack.callback(made.close)
        yield made


def said(call: Callable[[], Cbor]) -> Cbor:
    """The answer, or the code of a refusal that says something about what was asked."""
    try:
        return call()
    except Refusal as refusal:
        code = refusal.code
    assert code not in _OTHERWISE, code
    return code


def calls(text: str) -> list[tuple[str, str, Any]]:
    """Service, path and body of every call that takes a text, with this one in its place."""
    listed: list[tuple[str, str, Any]] = [
        ("alatau", "/v1/devices", [bytes(16), text]),
        ("alatau", "/v1/enrolments", [text, Key.of("newcomer").public]),
        (CENTRAL_BANK, "/v1/issues", [bytes(16), text, 5]),
        (CENTRAL_BANK, "/v1/withdrawals", [bytes(16), text, 5]),
        (CENTRAL_BANK, "/v1/witnesses/absent", [text]),
        (CENTRAL_BANK, "/v1/keys/changes", [1, text, Key.of("new").public, 0, 0]),
        (NOTARY, "/v1/witnesses/absent", [text]),
    ]
    return listed + [(service, "/v1/keys/new", [text]) for service in SERVICES]


@pytest.mark.parametrize("text", [*TEXTS, *NUL])
def test_no_text_is_more_than_a_value(net: LedgerNetwork, text: str) -> None:
    before = [net.central_books(), *(net.books(bank) for bank in BANKS)]
    for service, path, body in calls(text):
        answer = said(lambda at=service, to=path, of=body: net.order(at, "POST", to, of))  # type: ignore[misc]
        assert isinstance(answer, Code), (service, path, answer)
    assert [net.central_books(), *(net.books(bank) for bank in BANKS)] == before


@pytest.mark.parametrize("text", TEXTS)
def test_a_name_is_kept_as_it_was_given(net: LedgerNetwork, text: str) -> None:
    customer = net.customer(text[:60], opening=0, cause=text.encode().ljust(16)[:16])
    assert customer.line().get("/v1/account")[1] == text[:60]


@pytest.mark.parametrize("text", NUL)
def test_a_name_that_no_database_could_keep_is_refused_by_all(net: LedgerNetwork, text: str) -> None:
    asked = [text.encode().ljust(16)[:16], text, 0, 0, 5]
    assert said(lambda: net.order("alatau", "POST", "/v1/customers", asked)) is Code.MALFORMED


@pytest.mark.parametrize("text", SIGNED)
def test_what_is_signed_may_hold_any_text_and_is_a_value_too(net: LedgerNetwork, text: str) -> None:
    """A certificate that names such a bank, or such a merchant, shown by a customer and by a bank; a commit in such a
    name. What is signed is kept as it is."""
    name = f"Shown {SIGNED.index(text)}"
    aigul, shop = (
        net.customer(name, opening=20_000),
        net.customer(f"{name} shop", "zhibek", opening=0),
    )
    paid = net.pay(aigul, aigul.fund(1_000), shop, 500)
    bank = net.network.signer("zhibek", "bank")
    other = replace(shop.person.certificate.body, bank=text)
    merchant = replace(
        shop.person.certificate.body, kind=WalletKind.MERCHANT, category=5411, name=text, wallet=bytes(16)
    )
    shown = net.bundle([paid])
    for body in (other, merchant):
        bundle = replace(shown, certificates=(*shown.certificates, cose.sign(body, bank.sign)))
        said(lambda of=bundle: aigul.line().post("/v1/uploads", of.to_cbor()))  # type: ignore[misc]
        said(lambda of=bundle: net.network.line("zhibek", "alatau", bank).post("/v1/relays", of.to_cbor()))  # type: ignore[misc]
    commit = cose.sign(Commit(text, paid.id, paid.body.inputs, net.now), bank.sign)
    assert said(lambda: net.network.line("zhibek", NOTARY, bank).post("/v1/commits", [commit.to_cbor()]))
    net.settle_down()
    settlement = aigul.upload(paid)[0].settlement
    assert settlement is not None
    assert settlement.verdict is Verdict.SETTLED
    net.check_books()
