"""What was once said of a lost token is said by every bank and for good: a conflict or, where nobody showed in time by
what it was taken, a loss that is paid. Also by a bank that was put back to before that and has learnt more since."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from ledger_sync.sandbox.in_process import CENTRAL_BANK
from tests.ledger_sync.bank.customers import Customer, Row
from tests.ledger_sync.bank.network import OPENING, LedgerNetwork
from tests.ledger_sync.bank.test_conflicts import double_spend, reasons, verdict
from wallet.protocol.cose import Signed
from wallet.protocol.policy import Reason
from wallet.protocol.settlement import Verdict
from wallet.protocol.transfer import Transfer


def said(customer: Customer, *transfers: Signed[Transfer]) -> list[Any]:
    """Verdict, values and evidence of each, but for when it was said."""
    rows: list[Row] = [customer.verdict(transfer) for transfer in transfers]
    return [
        row.settlement and (row.settlement.verdict, row.settlement.values, row.evidence is not None)
        for row in rows
    ]


def verdicts(net: LedgerNetwork, bank: str, transfer: Signed[Transfer]) -> list[Verdict]:
    sql = "select verdict from settlements where transfer = ?"
    return [Verdict(number) for (number,) in net.look(bank, sql, (transfer.id,))]


def test_a_loss_that_was_paid_stays_one_though_the_bank_forgot_it_and_the_other_payload_came(
    net: LedgerNetwork, tmp_path: Path
) -> None:
    """The bank that took the token is away for as long as it is asked, and then shows what it was for."""
    cheat, one, mate = (net.customer(name) for name in ("Dauren", "Shop", "Mate"))
    other = net.customer("Other shop", "zhibek")
    lost, won = double_spend(net, cheat, one, other)
    further = net.pay(one, net.outputs(lost)[:1], mate, 300_000)
    net.settle_down()
    net.network.back_up("alatau", tmp_path / "backup")
    net.down.add("alatau")
    other.upload(won)
    net.down = {"zhibek"}
    mate.upload(lost, further)
    one.upload(lost, further)
    for _ in range(2):
        net.let_a_day_pass()
    before = said(one, lost, further), said(mate, lost, further), one.balance(), mate.balance()
    assert before[0] == [(Verdict.SHORT, (0, 0), False), (Verdict.SHORT, (0,), False)]
    assert one.balance() == OPENING + 300_000
    net.network.put_back("alatau", tmp_path / "backup")
    net.down.clear()
    net.settle_down()
    assert net.banks["alatau"].node.objects.transfers.has_copy(won.id, cheat.key), "it has come by now"
    mate.upload(lost, further)
    one.upload(lost, further)
    net.settle_down(8)
    assert (said(one, lost, further), said(mate, lost, further), one.balance(), mate.balance()) == before
    assert verdicts(net, "zhibek", lost) in ([], [Verdict.SHORT]), "who has both payloads says nothing else"
    assert reasons(net, cheat) == {Reason.CONFLICT}, "who paid twice is named all the same"
    net.check_books()


def test_a_conflict_stays_one_though_the_bank_forgot_it_and_nobody_brings_the_other_payload(
    net: LedgerNetwork, tmp_path: Path
) -> None:
    """Whoever comes first has never been told of the conflict, and the bank could not show what it had committed."""
    cheat, one, other, mate = (net.customer(name) for name in ("Dauren", "Shop", "Other shop", "Mate"))
    lost, won = double_spend(net, cheat, one, other)
    net.settle_down()
    net.network.back_up("alatau", tmp_path / "backup")
    other.upload(won)
    one.upload(lost)
    net.settle_down()
    before = said(one, lost), one.balance()
    assert before == ([(Verdict.CONFLICT, (0, 0), True)], OPENING)
    further = net.pay(one, net.outputs(lost)[:1], mate, 300_000)
    net.network.put_back("alatau", tmp_path / "backup")
    net.settle_down()
    assert [verdict(row) for row in mate.upload(lost, further)] == [Verdict.CONFLICT, Verdict.SHORT]
    one.upload(lost)
    assert (said(one, lost), one.balance()) == before
    assert said(mate, further) == [(Verdict.SHORT, (0,), True)]
    net.check_books()


def test_what_one_bank_called_a_conflict_another_that_lacks_the_payload_does_too(net: LedgerNetwork) -> None:
    """The bank that took the token can't be asked, and is not to pay for it."""
    cheat, one, other = net.customer("Dauren"), net.customer("Shop"), net.customer("Other shop", "zhibek")
    lost, won = double_spend(net, cheat, one, other)
    net.down.add("alatau")
    assert [verdict(row) for row in other.upload(won, lost)] == [Verdict.SETTLED, Verdict.CONFLICT]
    net.down = {"zhibek"}
    one.upload(lost)
    net.let_a_day_pass()
    net.let_a_day_pass()
    assert said(one, lost) == [(Verdict.CONFLICT, (0, 0), True)]
    assert one.balance() == OPENING
    net.down.clear()
    net.settle_down()
    net.check_books()


def test_a_central_bank_of_an_older_version_holds_up_no_conflict(net: LedgerNetwork) -> None:
    cheat, one, other = net.customer("Dauren"), net.customer("Shop 1"), net.customer("Shop 2")
    lost, won = double_spend(net, cheat, one, other)

    def older(name: str, request: httpx.Request, deliver: Callable[[], httpx.Response]) -> httpx.Response:
        if (name, request.url.path) == (CENTRAL_BANK, "/v1/showings"):
            content = b'{"code": "not_found", "facts": {}}'
            headers = {"content-type": "application/problem+json"}
            return httpx.Response(404, headers=headers, stream=httpx.ByteStream(content))
        return deliver()

    net.between = older
    assert [verdict(row) for row in one.upload(won, lost)] == [Verdict.SETTLED, Verdict.CONFLICT]
