"""A bank that had a token consumed shows by what, or pays: whom, how much, and that nobody waits for its money."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx

from ledger_sync.sandbox.in_process import CENTRAL_BANK, Exchange, cut
from tests.ledger_sync.bank.customers import Customer
from tests.ledger_sync.bank.network import GRANT, OPENING, LedgerNetwork
from tests.ledger_sync.bank.test_conflicts import clone, double_spend, reasons
from tests.ledger_sync.bank.test_late import forge_commit
from tests.support.world import DAY, Key
from wallet.protocol import codec, cose
from wallet.protocol.certificate import Certificate
from wallet.protocol.codec import Cbor
from wallet.protocol.cose import Signed
from wallet.protocol.policy import Reason
from wallet.protocol.settlement import Verdict
from wallet.protocol.transfer import Transfer
from wallet.protocol.validity import Token

Deliver = Callable[[], httpx.Response]


def settled(customer: Customer, transfer: Signed[Transfer]) -> tuple[Verdict, tuple[int, ...]]:
    row = customer.verdict(transfer)
    assert row.settlement is not None, "it still waits"
    return row.settlement.verdict, row.settlement.values


def half_lost(net: LedgerNetwork, aigul: Customer, payee: Customer) -> Signed[Transfer]:
    """60 000 of 70 000 tiyn paid, of which zhibek has taken 50 000 for nothing."""
    (lost,), (kept,) = aigul.fund(50_000), aigul.fund(20_000)
    forge_commit(net, "zhibek", lost.ref)
    return net.pay(aigul, [lost, kept], payee, 60_000)


def test_payee_and_payer_end_with_what_they_would_have_had(net: LedgerNetwork) -> None:
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan")
    paid = half_lost(net, aigul, baurzhan)
    baurzhan.upload(paid)
    net.settle_down()
    assert settled(baurzhan, paid) == (Verdict.SHORT, (20_000, 0))
    assert baurzhan.balance() == OPENING + 40_000
    assert aigul.balance() == OPENING - 70_000 + 10_000
    defund = net.defund(baurzhan, net.outputs(paid)[:1])
    baurzhan.upload(defund)
    net.settle_down()
    assert baurzhan.balance() == OPENING + 60_000
    assert net.books("zhibek")[1] == GRANT - 50_000
    net.check_books()


def test_a_share_whose_answer_was_lost_is_asked_for_again(net: LedgerNetwork) -> None:
    """The payee's share has come and the transfer has its answer; what was paid for the change is not forgotten."""
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan")
    asked: list[str] = []

    def second_unheard(name: str, request: httpx.Request, deliver: Deliver) -> httpx.Response:
        answer = deliver()
        asked.append(request.url.path)
        if asked.count("/v1/challenges") == 2 and request.url.path == "/v1/challenges":
            raise httpx.ReadTimeout("unheard", request=request)
        return answer

    net.between = second_unheard
    baurzhan.upload(half_lost(net, aigul, baurzhan))
    net.settle_down(8)
    assert asked.count("/v1/challenges") > 2
    assert (aigul.balance(), baurzhan.balance()) == (OPENING - 60_000, OPENING + 40_000)
    net.check_books()


def test_who_brings_a_transfer_has_its_verdict_with_the_first_share_though_the_second_is_unheard(
    net: LedgerNetwork,
) -> None:
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan")
    asked: list[str] = []

    def second_unheard(name: str, request: httpx.Request, deliver: Deliver) -> httpx.Response:
        asked.append(request.url.path)
        if asked.count("/v1/challenges") == 2 and request.url.path == "/v1/challenges":
            raise httpx.ReadTimeout("unheard", request=request)
        return deliver()

    net.between = second_unheard
    (row,) = baurzhan.upload(half_lost(net, aigul, baurzhan))
    assert asked.count("/v1/challenges") == 2
    assert row.settlement is not None
    assert row.settlement.values == (20_000, 0)


def test_a_refused_output_that_is_taken_is_the_payers(net: LedgerNetwork) -> None:
    aigul, shop = net.customer("Aigul"), net.customer("Shop")
    paid = net.pay(aigul, aigul.fund(500_000), shop, 500_000)
    aigul.upload(paid)
    forge_commit(net, "zhibek", net.outputs(paid)[0].ref)
    refusal = net.refuse(shop, net.outputs(paid)[0])
    shop.upload(refusal)
    net.settle_down()
    assert (aigul.balance(), shop.balance()) == (OPENING, OPENING)
    assert settled(shop, refusal) == (Verdict.SHORT, (0,))
    net.check_books()


def test_a_bank_without_money_holds_up_nobody_and_owes_the_rest(net: LedgerNetwork) -> None:
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan")
    paid = half_lost(net, aigul, baurzhan)
    net.order(CENTRAL_BANK, "POST", "/v1/withdrawals", [b"w" * 16, "zhibek", GRANT - 30_000])
    baurzhan.upload(paid)
    net.settle_down()
    assert settled(baurzhan, paid) == (Verdict.SHORT, (20_000, 0))
    baurzhan.upload(net.defund(baurzhan, net.outputs(paid)[:1]))
    net.settle_down()
    assert (aigul.balance(), baurzhan.balance()) == (OPENING - 70_000, OPENING + 20_000 + 30_000)
    assert net.books("alatau")[4] == [[paid.id, 20_000]], "what is owed stays open, by its id"
    net.order(CENTRAL_BANK, "POST", "/v1/issues", [b"i" * 16, "zhibek", 15_000])
    net.let_a_day_pass()
    assert (aigul.balance(), baurzhan.balance()) == (OPENING - 65_000, OPENING + 60_000)
    net.order(CENTRAL_BANK, "POST", "/v1/issues", [b"j" * 16, "zhibek", 50_000])
    net.let_a_day_pass()
    assert aigul.balance() == OPENING - 60_000
    net.check_books()


def test_a_lost_phones_money_that_a_bank_has_taken_comes_back_from_it(net: LedgerNetwork) -> None:
    aigul = net.customer("Aigul")
    tokens = aigul.fund(500_000)
    forge_commit(net, "zhibek", tokens[0].ref)
    net.now += 121 * DAY
    net.settle_down()
    assert aigul.balance() == OPENING
    assert net.books("zhibek")[1] == GRANT - 500_000
    net.check_books()


def test_a_lost_refund_is_owed_by_a_bank_without_money(net: LedgerNetwork) -> None:
    aigul = net.customer("Aigul")
    tokens = aigul.fund(500_000)
    forge_commit(net, "zhibek", tokens[0].ref)
    net.order(CENTRAL_BANK, "POST", "/v1/withdrawals", [b"w" * 16, "zhibek", GRANT - 100_000])
    net.now += 121 * DAY
    net.settle_down()
    assert aigul.balance() == OPENING - 400_000
    assert [amount for _, amount in net.books("alatau")[4]] == [400_000]
    net.order(CENTRAL_BANK, "POST", "/v1/issues", [b"i" * 16, "zhibek", 1_000_000])
    net.let_a_day_pass()
    assert aigul.balance() == OPENING
    net.check_books()


def test_a_refund_that_lost_to_a_late_chain_is_shown_and_not_paid(net: LedgerNetwork) -> None:
    """Also while the bank that committed the chain is out of reach for a day: the transfer is at hand here."""
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan", "zhibek")
    paid = net.pay(aigul, aigul.fund(500_000), baurzhan, 500_000)
    net.down.add("alatau")
    baurzhan.upload(paid)
    net.now += 121 * DAY
    net.down.clear()
    alatau = net.banks["alatau"].node
    alatau.refunds.find()
    alatau.work_round()
    assert aigul.balance() == OPENING - 500_000
    net.let_a_day_pass()
    assert (aigul.balance(), baurzhan.balance()) == (OPENING - 500_000, OPENING + 500_000)
    assert net.books("zhibek")[1] == GRANT - OPENING
    net.check_books()


def test_a_bank_whose_customers_are_not_concerned_has_its_answer_too(net: LedgerNetwork) -> None:
    """The payer's bank: nothing is owed to the payer, and its transfer does not wait."""
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan", "zhibek")
    tokens = aigul.fund(500_000)
    forge_commit(net, "zhibek", tokens[0].ref)
    paid = net.pay(aigul, tokens, baurzhan, 500_000)
    aigul.upload(paid)
    net.settle_down()
    assert settled(aigul, paid) == (Verdict.SHORT, (0,))
    assert aigul.balance() == OPENING - 500_000
    net.check_books()


def test_a_banks_own_customers_are_paid_by_it_as_well(net: LedgerNetwork) -> None:
    """A bank whose store was put back has committed what it no longer knows."""
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan", "zhibek")
    paid = half_lost(net, aigul, baurzhan)
    baurzhan.upload(paid)
    net.settle_down()
    assert settled(baurzhan, paid) == (Verdict.SHORT, (20_000, 0))
    assert (aigul.balance(), baurzhan.balance()) == (OPENING - 60_000, OPENING + 40_000)
    net.check_books()


def test_what_a_bank_paid_its_own_customer_is_nothing_that_the_central_bank_may_have_forgotten(
    net: LedgerNetwork,
) -> None:
    """It moved no position. After a start the central bank waits for none of it."""
    aigul, baurzhan = net.customer("Aigul", "zhibek"), net.customer("Baurzhan", "zhibek")
    baurzhan.upload(half_lost(net, aigul, baurzhan))
    net.settle_down()
    assert baurzhan.balance() == OPENING + 40_000
    net.start_central()
    net.settle_down()
    aigul.fund(1_000)


def test_a_compensation_that_the_central_bank_forgot_holds_up_no_funding(
    net: LedgerNetwork, tmp_path: Path
) -> None:
    """Put back from a backup, it asks the bank again that could not show; until that has an end, others go on."""
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan")
    paid = half_lost(net, aigul, baurzhan)
    net.network.back_up(CENTRAL_BANK, tmp_path / "backup")
    baurzhan.upload(paid)
    net.settle_down()
    assert baurzhan.balance() == OPENING + 40_000
    net.network.put_back(CENTRAL_BANK, tmp_path / "backup")
    with net.network.lines.disturbed(cut, caller=CENTRAL_BANK, callee="zhibek"):
        net.settle_down()
        aigul.fund(1_000)
    net.let_a_day_pass()
    position, own, accounts, *_ = net.books("alatau")
    assert position == dict(net.central_books()[3])["alatau"] == own + sum(held for _, held in accounts)


def test_one_shown_and_one_not_is_a_conflict_and_a_compensation(net: LedgerNetwork) -> None:
    cheat, one, other = net.customer("Dauren"), net.customer("Shop 1"), net.customer("Shop 2", "zhibek")
    (shown,), (hidden,) = cheat.fund(50_000), cheat.fund(20_000)
    copied = clone(cheat)
    other.upload(net.pay(copied, [shown], other, 50_000))
    forge_commit(net, "zhibek", hidden.ref)
    paid = net.pay(cheat, [shown, hidden], one, 70_000)
    one.upload(paid)
    net.settle_down()
    assert settled(one, paid) == (Verdict.CONFLICT, (0,))
    assert one.verdict(paid).evidence is not None
    assert one.balance() == OPENING + 20_000
    assert reasons(net, cheat) == {Reason.CONFLICT}
    net.check_books()


class Tampered:
    """A bank's answers to who asks for a transfer, put in other words."""

    def __init__(self, net: LedgerNetwork, bank: str, how: Callable[[Cbor], Cbor]) -> None:
        self._bank, self._how = bank, how
        net.between = self

    def __call__(self, name: str, request: httpx.Request, deliver: Deliver) -> httpx.Response:
        answer = deliver()
        if (
            name != self._bank
            or not request.url.path.startswith(("/v1/transfers/", "/v1/rivals"))
            or answer.status_code != 200
        ):
            return answer
        value = self._how(codec.decode(answer.read(), 2**20))
        headers = {"content-type": "application/cbor"}
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(codec.encode(value)))


def test_shown_under_a_certificate_that_nobody_signed_is_shown(net: LedgerNetwork) -> None:
    def under_another(value: Cbor) -> Cbor:
        transfer, certificate = value
        held = cose.from_cbor(Certificate, certificate).body
        body = replace(held, expires=held.expires + 1)
        return [transfer, cose.sign(body, Key.of("nobody").sign).to_cbor()]

    cheat, one = net.customer("Dauren", "zhibek"), net.customer("Shop 1")
    other = net.customer("Shop 2", "zhibek")
    first, second = double_spend(net, cheat, one, other)
    other.upload(second)
    Tampered(net, "zhibek", under_another)
    one.upload(first)
    net.settle_down()
    assert settled(one, first)[0] is Verdict.CONFLICT
    assert one.balance() == OPENING
    assert reasons(net, cheat) == {Reason.CONFLICT}
    net.check_books()


def test_shown_in_a_transfer_that_mixes_owners_is_shown(net: LedgerNetwork) -> None:
    """zhibek commits a transfer that no bank can find valid: its first input is another's, and the cheat signed it."""
    cheat, one = net.customer("Dauren"), net.customer("Shop 1")
    mate = net.customer("Mate")
    mine, theirs = cheat.fund(500_000), mate.fund(100_000)
    while theirs[0].ref > mine[0].ref:
        theirs = mate.fund(100_000)
    strange = mixed(net, cheat, mine[0], theirs[0])
    forge_commit(net, "zhibek", mine[0].ref, strange.id)
    Shows(net, "zhibek", [strange.to_cbor(), cheat.person.certificate.to_cbor()])
    paid = net.pay(cheat, mine, one, 500_000)
    one.upload(paid)
    net.settle_down()
    assert settled(one, paid)[0] is Verdict.CONFLICT
    assert net.books("zhibek")[1] == GRANT
    net.check_books()


def mixed(net: LedgerNetwork, cheat: Customer, mine: Token, theirs: Token) -> Signed[Transfer]:
    """A transfer whose first input is not the signer's own."""
    person = clone(cheat)
    asked = net.request(cheat, 1_000)
    refs = tuple(sorted((mine.ref, theirs.ref)))
    made = net.pay(person, [mine], cheat, 1_000, request=asked)
    body = replace(made.body, inputs=refs, change=mine.amount + theirs.amount - 1_000)
    return cose.sign(body, person.key.sign)


class Shows:
    """A bank that shows this, whatever it is asked for."""

    def __init__(self, net: LedgerNetwork, bank: str, value: Cbor) -> None:
        self._bank, self._value = bank, value
        net.between = self

    def __call__(self, name: str, request: httpx.Request, deliver: Deliver) -> httpx.Response:
        if name != self._bank or not request.url.path.startswith(("/v1/transfers/", "/v1/rivals")):
            return deliver()
        headers = {"content-type": "application/cbor"}
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(codec.encode(self._value)))


def refuse_revocations(exchange: Exchange) -> httpx.Response:
    """A bank that never asks for a revocation."""
    return cut(exchange) if exchange.request.url.path == "/v1/revocations" else exchange.deliver()


def test_a_cheat_is_revoked_whatever_its_bank_does(net: LedgerNetwork) -> None:
    cheat = net.customer("Dauren", "zhibek")
    shops = [net.customer("Shop 1"), net.customer("Shop 2", "zhibek")]
    pair = double_spend(net, cheat, shops[0], shops[1])

    lift = net.network.lines.place(refuse_revocations, caller="zhibek", callee=CENTRAL_BANK)
    for number in (1, 0):
        shops[number].upload(pair[number])
    net.settle_down()
    assert reasons(net, cheat) == {Reason.CONFLICT}
    lift()
    net.settle_down()
    assert all(reasons(net, shop) == {None} for shop in shops)
    net.check_books()
