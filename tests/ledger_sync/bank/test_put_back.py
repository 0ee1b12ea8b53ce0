"""Services put back from a backup, over raw transfers: what is asked again comes out as before, and is booked once."""

from __future__ import annotations

from pathlib import Path

import httpx

from ledger_sync.bank.ports.jobs import Job, JobKind
from ledger_sync.http.client import MAX_ANSWER_BYTES
from ledger_sync.http.routes import BODY_TYPE
from ledger_sync.sandbox.in_process import CENTRAL_BANK, Exchange
from tests.ledger_sync.bank.inside import store_of
from tests.ledger_sync.bank.network import OPENING, LedgerNetwork
from wallet.protocol import codec
from wallet.protocol.bounds import DAY


def test_a_revoked_wallets_refresh_is_paid_to_the_account_once(net: LedgerNetwork, tmp_path: Path) -> None:
    """The central bank is asked again for the redemption before the bank has revoked the wallet again."""
    aigul = net.customer("Aigul")
    tokens = aigul.fund(50_000)
    net.settle_down()
    net.network.back_up(CENTRAL_BANK, tmp_path / "backup")
    aigul.line().post("/v1/losses", [])
    net.settle_down()
    aigul.upload(net.refresh(aigul, tokens))
    net.settle_down()
    assert aigul.balance() == OPENING
    net.network.put_back(CENTRAL_BANK, tmp_path / "backup")
    net.settle_down(8)
    assert len(aigul.deliveries()[0].issuances) == 1, "the first"
    assert aigul.balance() == OPENING
    net.check_books()


def test_a_list_that_two_follow_at_once_is_held_once(net: LedgerNetwork, tmp_path: Path) -> None:
    """A bank that was put back finds a funding that it has forgotten; a second thread asks beside the first."""
    aigul = net.customer("Aigul")
    net.settle_down()
    net.network.back_up("alatau", tmp_path / "backup")
    aigul.fund(20_000)
    asked = False

    def beside(exchange: Exchange) -> httpx.Response:
        nonlocal asked
        answer = exchange.deliver()
        if not asked and exchange.request.url.path == "/v1/movements":
            asked = True
            net.banks["alatau"].node.movements.follow()
        return answer

    net.network.put_back("alatau", tmp_path / "backup")
    with net.network.lines.disturbed(beside, caller="alatau", callee=CENTRAL_BANK):
        net.banks["alatau"].node.movements.follow()
    assert asked
    assert store_of(net.banks["alatau"].node).rows("select kind, amount from unclaimed") == [
        ("funding", -20_000)
    ]
    net.settle_down()
    assert aigul.balance() == OPENING - 20_000
    net.check_books()


def test_a_forgotten_funding_whose_customer_is_unknown_holds_up_no_other(
    net: LedgerNetwork, tmp_path: Path
) -> None:
    """The central bank is asked for it once; where it was put back as well, and has none, the others go on too."""
    baurzhan = net.customer("Baurzhan")
    net.settle_down()
    for name in ("alatau", CENTRAL_BANK):
        net.network.back_up(name, tmp_path / f"backup of {name}")
    net.customer("Aigul").fund(20_000)
    asked: list[str] = []

    def counted(exchange: Exchange) -> httpx.Response:
        if exchange.request.url.path.startswith("/v1/fundings/"):
            asked.append(exchange.request.url.path)
        return exchange.deliver()

    with net.network.lines.disturbed(counted, caller="alatau", callee=CENTRAL_BANK):
        net.network.put_back("alatau", tmp_path / "backup of alatau")
        net.settle_down()
        baurzhan.fund(1_000)
        assert len(asked) == 1
        net.network.put_back(CENTRAL_BANK, tmp_path / f"backup of {CENTRAL_BANK}")
        net.network.restart("alatau")
        net.settle_down()
        baurzhan.fund(2_000)
    assert baurzhan.balance() == OPENING - 3_000


def test_what_was_passed_on_late_is_passed_on_again(net: LedgerNetwork) -> None:
    """A backlog had no line for a day, and the other bank was put back to just before it had one again."""
    work = net.banks["alatau"].node.work
    late, early = Job(JobKind.RELAY_FULL, "zhibek", b"late"), Job(JobKind.RELAY_FULL, "zhibek", b"early")
    for item in (late, early):
        work.add(item)
    work.done(early)
    net.now += DAY
    work.done(late)
    assert work.open_again("zhibek", (JobKind.RELAY_FULL,), net.now - 3_600, 8) == (1, None)
    assert work.is_open(late)


def test_all_that_was_passed_on_is_opened_in_slices(net: LedgerNetwork) -> None:
    """Whoever else needs the store gets at it in between, however much there is."""
    node = net.banks["alatau"].node
    store, opened = store_of(node), []
    with store.transaction():
        for number in range(3_000):
            item = Job(JobKind.RELAY_ISSUANCE, "zhibek", number.to_bytes(4))
            node.work.add(item)
            node.work.done(item)
            net.now += number % 3 == 0

    def count() -> None:
        opened.append(store.value("select count(*) from work where done = 0 and kind = 'money'"))

    store.at_end(count, lambda: None)
    assert node.passing_on_again.open("zhibek", 0) == 3_000
    steps = [after - before for before, after in zip([0, *opened], opened, strict=False)]
    assert len(steps) == 3
    assert sum(steps) == 3_000
    assert max(steps) < 1_100


def test_no_bank_uses_up_the_numbers_of_movements(net: LedgerNetwork) -> None:
    """It says that it has followed more than the central bank will ever number."""
    aigul = net.customer("Aigul")
    aigul.fund(1_000)

    def boasting(exchange: Exchange) -> httpx.Response:
        answer = exchange.deliver()
        if exchange.request.url.path != "/v1/caused":
            return answer
        _followed, number, page = codec.decode(answer.read(), MAX_ANSWER_BYTES)
        told = httpx.ByteStream(codec.encode([2**53 - 1, number, page]))
        return httpx.Response(200, headers={"content-type": BODY_TYPE}, stream=told)

    with net.network.lines.disturbed(boasting, caller=CENTRAL_BANK, callee="zhibek"):
        net.start_central()
        net.settle_down()
    aigul.fund(2_000)
    net.order(CENTRAL_BANK, "POST", "/v1/issues", [b"i" * 16, "alatau", 15_000])
    net.settle_down()
    net.check_books()
