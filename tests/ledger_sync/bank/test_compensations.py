"""A bank that had a token consumed shows by what, or pays: whom, how much, and that nobody waits for its money."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx

from ledger_sync.sandbox.in_process import CENTRAL_BANK, Exchange, cut
from tests.ledger_sync.bank.network import GRANT, OPENING, Customer, LedgerNetwork
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


def half_lost(town: LedgerNetwork, aigul: Customer, payee: Customer) -> Signed[Transfer]:
    """60 000 of 70 000 tiyn paid, of which zhibek has taken 50 000 for nothing."""
    (lost,), (kept,) = aigul.fund(50_000), aigul.fund(20_000)
    forge_commit(town, "zhibek", lost.ref)
    return town.pay(aigul, [lost, kept], payee, 60_000)


def test_payee_and_payer_end_with_what_they_would_have_had(town: LedgerNetwork) -> None:
    aigul, baurzhan = town.customer("Aigul"), town.customer("Baurzhan")
    paid = half_lost(town, aigul, baurzhan)
    baurzhan.upload(paid)
    town.settle_down()
    assert settled(baurzhan, paid) == (Verdict.SHORT, (20_000, 0))
    assert baurzhan.balance() == OPENING + 40_000
    assert aigul.balance() == OPENING - 70_000 + 10_000
    defund = town.defund(baurzhan, town.outputs(paid)[:1])
    baurzhan.upload(defund)
    town.settle_down()
    assert baurzhan.balance() == OPENING + 60_000
    assert town.books("zhibek")[1] == GRANT - 50_000
    town.check_books()


def test_a_share_whose_answer_was_lost_is_asked_for_again(town: LedgerNetwork) -> None:
    """The payee's share has come and the transfer has its answer; what was paid for the change is not forgotten."""
    aigul, baurzhan = town.customer("Aigul"), town.customer("Baurzhan")
    asked: list[str] = []

    def second_unheard(name: str, request: httpx.Request, deliver: Deliver) -> httpx.Response:
        answer = deliver()
        asked.append(request.url.path)
        if asked.count("/v1/challenges") == 2 and request.url.path == "/v1/challenges":
            raise httpx.ReadTimeout("unheard", request=request)
        return answer

    town.between = second_unheard
    baurzhan.upload(half_lost(town, aigul, baurzhan))
    town.settle_down(8)
    assert asked.count("/v1/challenges") > 2
    assert (aigul.balance(), baurzhan.balance()) == (OPENING - 60_000, OPENING + 40_000)
    town.check_books()


def test_who_brings_a_transfer_has_its_verdict_with_the_first_share_though_the_second_is_unheard(
    town: LedgerNetwork,
) -> None:
    aigul, baurzhan = town.customer("Aigul"), town.customer("Baurzhan")
    asked: list[str] = []

    def second_unheard(name: str, request: httpx.Request, deliver: Deliver) -> httpx.Response:
        asked.append(request.url.path)
        if asked.count("/v1/challenges") == 2 and request.url.path == "/v1/challenges":
            raise httpx.ReadTimeout("unheard", request=request)
        return deliver()

    town.between = second_unheard
    (row,) = baurzhan.upload(half_lost(town, aigul, baurzhan))
    assert asked.count("/v1/challenges") == 2
    assert row.settlement is not None
    assert row.settlement.values == (20_000, 0)


def test_a_refused_output_that_is_taken_is_the_payers(town: LedgerNetwork) -> None:
    aigul, shop = town.customer("Aigul"), town.customer("Shop")
    paid = town.pay(aigul, aigul.fund(500_000), shop, 500_000)
    aigul.upload(paid)
    forge_commit(town, "zhibek", town.outputs(paid)[0].ref)
    refusal = town.refuse(shop, town.outputs(paid)[0])
    shop.upload(refusal)
    town.settle_down()
    assert (aigul.balance(), shop.balance()) == (OPENING, OPENING)
    assert settled(shop, refusal) == (Verdict.SHORT, (0,))
    town.check_books()


def test_a_bank_without_money_holds_up_nobody_and_owes_the_rest(town: LedgerNetwork) -> None:
    aigul, baurzhan = town.customer("Aigul"), town.customer("Baurzhan")
    paid = half_lost(town, aigul, baurzhan)
    town.order(CENTRAL_BANK, "POST", "/v1/withdrawals", [b"w" * 16, "zhibek", GRANT - 30_000])
    baurzhan.upload(paid)
    town.settle_down()
    assert settled(baurzhan, paid) == (Verdict.SHORT, (20_000, 0))
    baurzhan.upload(town.defund(baurzhan, town.outputs(paid)[:1]))
    town.settle_down()
    assert (aigul.balance(), baurzhan.balance()) == (OPENING - 70_000, OPENING + 20_000 + 30_000)
    assert town.books("alatau")[4] == [[paid.id, 20_000]], "what is owed stays open, by its id"
    town.order(CENTRAL_BANK, "POST", "/v1/issues", [b"i" * 16, "zhibek", 15_000])
    town.let_a_day_pass()
    assert (aigul.balance(), baurzhan.balance()) == (OPENING - 65_000, OPENING + 60_000)
    town.order(CENTRAL_BANK, "POST", "/v1/issues", [b"j" * 16, "zhibek", 50_000])
    town.let_a_day_pass()
    assert aigul.balance() == OPENING - 60_000
    town.check_books()


def test_a_lost_phones_money_that_a_bank_has_taken_comes_back_from_it(town: LedgerNetwork) -> None:
    aigul = town.customer("Aigul")
    tokens = aigul.fund(500_000)
    forge_commit(town, "zhibek", tokens[0].ref)
    town.now += 121 * DAY
    town.settle_down()
    assert aigul.balance() == OPENING
    assert town.books("zhibek")[1] == GRANT - 500_000
    town.check_books()


def test_a_lost_refund_is_owed_by_a_bank_without_money(town: LedgerNetwork) -> None:
    aigul = town.customer("Aigul")
    tokens = aigul.fund(500_000)
    forge_commit(town, "zhibek", tokens[0].ref)
    town.order(CENTRAL_BANK, "POST", "/v1/withdrawals", [b"w" * 16, "zhibek", GRANT - 100_000])
    town.now += 121 * DAY
    town.settle_down()
    assert aigul.balance() == OPENING - 400_000
    assert [amount for _, amount in town.books("alatau")[4]] == [400_000]
    town.order(CENTRAL_BANK, "POST", "/v1/issues", [b"i" * 16, "zhibek", 1_000_000])
    town.let_a_day_pass()
    assert aigul.balance() == OPENING
    town.check_books()


def test_a_refund_that_lost_to_a_late_chain_is_shown_and_not_paid(town: LedgerNetwork) -> None:
    """Also while the bank that committed the chain is out of reach for a day: the transfer is at hand here."""
    aigul, baurzhan = town.customer("Aigul"), town.customer("Baurzhan", "zhibek")
    paid = town.pay(aigul, aigul.fund(500_000), baurzhan, 500_000)
    town.down.add("alatau")
    baurzhan.upload(paid)
    town.now += 121 * DAY
    town.down.clear()
    alatau = town.banks["alatau"].node
    alatau.refunds.find()
    alatau.work_round()
    assert aigul.balance() == OPENING - 500_000
    town.let_a_day_pass()
    assert (aigul.balance(), baurzhan.balance()) == (OPENING - 500_000, OPENING + 500_000)
    assert town.books("zhibek")[1] == GRANT - OPENING
    town.check_books()


def test_a_bank_whose_customers_are_not_concerned_has_its_answer_too(town: LedgerNetwork) -> None:
    """The payer's bank: nothing is owed to the payer, and its transfer does not wait."""
    aigul, baurzhan = town.customer("Aigul"), town.customer("Baurzhan", "zhibek")
    tokens = aigul.fund(500_000)
    forge_commit(town, "zhibek", tokens[0].ref)
    paid = town.pay(aigul, tokens, baurzhan, 500_000)
    aigul.upload(paid)
    town.settle_down()
    assert settled(aigul, paid) == (Verdict.SHORT, (0,))
    assert aigul.balance() == OPENING - 500_000
    town.check_books()


def test_a_banks_own_customers_are_paid_by_it_as_well(town: LedgerNetwork) -> None:
    """A bank whose store was put back has committed what it no longer knows."""
    aigul, baurzhan = town.customer("Aigul"), town.customer("Baurzhan", "zhibek")
    paid = half_lost(town, aigul, baurzhan)
    baurzhan.upload(paid)
    town.settle_down()
    assert settled(baurzhan, paid) == (Verdict.SHORT, (20_000, 0))
    assert (aigul.balance(), baurzhan.balance()) == (OPENING - 60_000, OPENING + 40_000)
    town.check_books()


def test_what_a_bank_paid_its_own_customer_is_nothing_that_the_central_bank_may_have_forgotten(
    town: LedgerNetwork,
) -> None:
    """It moved no position. After a start the central bank waits for none of it."""
    aigul, baurzhan = town.customer("Aigul", "zhibek"), town.customer("Baurzhan", "zhibek")
    baurzhan.upload(half_lost(town, aigul, baurzhan))
    town.settle_down()
    assert baurzhan.balance() == OPENING + 40_000
    town.start_central()
    town.settle_down()
    aigul.fund(1_000)


def test_a_compensation_that_the_central_bank_forgot_holds_up_no_funding(
    town: LedgerNetwork, tmp_path: Path
) -> None:
    """Put back from a backup, it asks the bank again that could not show; until that has an end, others go on."""
    aigul, baurzhan = town.customer("Aigul"), town.customer("Baurzhan")
    paid = half_lost(town, aigul, baurzhan)
    town.network.back_up(CENTRAL_BANK, tmp_path / "backup")
    baurzhan.upload(paid)
    town.settle_down()
    assert baurzhan.balance() == OPENING + 40_000
    town.network.put_back(CENTRAL_BANK, tmp_path / "backup")
    with town.network.lines.disturbed(cut, caller=CENTRAL_BANK, callee="zhibek"):
        town.settle_down()
        aigul.fund(1_000)
    town.let_a_day_pass()
    position, own, accounts, *_ = town.books("alatau")
    assert position == dict(town.central_books()[3])["alatau"] == own + sum(held for _, held in accounts)


def test_one_shown_and_one_not_is_a_conflict_and_a_compensation(town: LedgerNetwork) -> None:
    cheat, one, other = town.customer("Dauren"), town.customer("Shop 1"), town.customer("Shop 2", "zhibek")
    (shown,), (hidden,) = cheat.fund(50_000), cheat.fund(20_000)
    copied = clone(cheat)
    other.upload(town.pay(copied, [shown], other, 50_000))
    forge_commit(town, "zhibek", hidden.ref)
    paid = town.pay(cheat, [shown, hidden], one, 70_000)
    one.upload(paid)
    town.settle_down()
    assert settled(one, paid) == (Verdict.CONFLICT, (0,))
    assert one.verdict(paid).evidence is not None
    assert one.balance() == OPENING + 20_000
    assert reasons(town, cheat) == {Reason.CONFLICT}
    town.check_books()


class Tampered:
    """A bank's answers to who asks for a transfer, put in other words."""

    def __init__(self, town: LedgerNetwork, bank: str, how: Callable[[Cbor], Cbor]) -> None:
        self._bank, self._how = bank, how
        town.between = self

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


def test_shown_under_a_certificate_that_nobody_signed_is_shown(town: LedgerNetwork) -> None:
    def under_another(value: Cbor) -> Cbor:
        transfer, certificate = value
        held = cose.from_cbor(Certificate, certificate).body
        body = replace(held, expires=held.expires + 1)
        return [transfer, cose.sign(body, Key.of("nobody").sign).to_cbor()]

    cheat, one = town.customer("Dauren", "zhibek"), town.customer("Shop 1")
    other = town.customer("Shop 2", "zhibek")
    first, second = double_spend(town, cheat, one, other)
    other.upload(second)
    Tampered(town, "zhibek", under_another)
    one.upload(first)
    town.settle_down()
    assert settled(one, first)[0] is Verdict.CONFLICT
    assert one.balance() == OPENING
    assert reasons(town, cheat) == {Reason.CONFLICT}
    town.check_books()


def test_shown_in_a_transfer_that_mixes_owners_is_shown(town: LedgerNetwork) -> None:
    """zhibek commits a transfer that no bank can find valid: its first input is another's, and the cheat signed it."""
    cheat, one = town.customer("Dauren"), town.customer("Shop 1")
    mate = town.customer("Mate")
    mine, theirs = cheat.fund(500_000), mate.fund(100_000)
    while theirs[0].ref > mine[0].ref:
        theirs = mate.fund(100_000)
    strange = mixed(town, cheat, mine[0], theirs[0])
    forge_commit(town, "zhibek", mine[0].ref, strange.id)
    Shows(town, "zhibek", [strange.to_cbor(), cheat.person.certificate.to_cbor()])
    paid = town.pay(cheat, mine, one, 500_000)
    one.upload(paid)
    town.settle_down()
    assert settled(one, paid)[0] is Verdict.CONFLICT
    assert town.books("zhibek")[1] == GRANT
    town.check_books()


def mixed(town: LedgerNetwork, cheat: Customer, mine: Token, theirs: Token) -> Signed[Transfer]:
    """A transfer whose first input is not the signer's own."""
    person = clone(cheat)
    asked = town.request(cheat, 1_000)
    refs = tuple(sorted((mine.ref, theirs.ref)))
    made = town.pay(person, [mine], cheat, 1_000, request=asked)
    body = replace(made.body, inputs=refs, change=mine.amount + theirs.amount - 1_000)
    return cose.sign(body, person.key.sign)


class Shows:
    """A bank that shows this, whatever it is asked for."""

    def __init__(self, town: LedgerNetwork, bank: str, value: Cbor) -> None:
        self._bank, self._value = bank, value
        town.between = self

    def __call__(self, name: str, request: httpx.Request, deliver: Deliver) -> httpx.Response:
        if name != self._bank or not request.url.path.startswith(("/v1/transfers/", "/v1/rivals")):
            return deliver()
        headers = {"content-type": "application/cbor"}
        return httpx.Response(200, headers=headers, stream=httpx.ByteStream(codec.encode(self._value)))


def refuse_revocations(exchange: Exchange) -> httpx.Response:
    """A bank that never asks for a revocation."""
    return cut(exchange) if exchange.request.url.path == "/v1/revocations" else exchange.deliver()


def test_a_cheat_is_revoked_whatever_its_bank_does(town: LedgerNetwork) -> None:
    cheat = town.customer("Dauren", "zhibek")
    shops = [town.customer("Shop 1"), town.customer("Shop 2", "zhibek")]
    pair = double_spend(town, cheat, shops[0], shops[1])

    lift = town.network.lines.place(refuse_revocations, caller="zhibek", callee=CENTRAL_BANK)
    for number in (1, 0):
        shops[number].upload(pair[number])
    town.settle_down()
    assert reasons(town, cheat) == {Reason.CONFLICT}
    lift()
    town.settle_down()
    assert all(reasons(town, shop) == {None} for shop in shops)
    town.check_books()
