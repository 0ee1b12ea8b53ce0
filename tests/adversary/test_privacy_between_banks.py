"""A bank learns of a token what it must to settle and prove, and what it gets by untruths that it signs.

Each question here is asked by a real bank with its own key, in every way in which its calls let it ask.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields as fields_of
from dataclasses import replace
from pathlib import Path

import pytest

from ledger_sync.http.client import ServiceClient
from ledger_sync.sandbox.in_process import CENTRAL_BANK, NOTARY
from tests.ledger_sync.bank.network import GRANT, OPENING, LedgerNetwork
from tests.ledger_sync.bank.test_conflicts import double_spend
from tests.support.world import Key
from wallet.protocol import cose
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Commit, Verdict, read_consumption
from wallet.protocol.transfer import TokenRef, Transfer


@pytest.fixture
def net(tmp_path: Path) -> Iterator[LedgerNetwork]:
    net = LedgerNetwork(tmp_path)
    yield net
    net.close()


def line(net: LedgerNetwork, bank: str, to: str) -> ServiceClient:
    """A bank's own calls."""
    return net.network.line(bank, to, net.network.signer(bank, "bank"))


def code_of(call: object, *values: object) -> Code:
    with pytest.raises(Refusal) as caught:
        call(*values)  # type: ignore[operator]
    return caught.value.code


def show(net: LedgerNetwork, asked: Signed[Transfer], rival: Signed[Transfer]) -> Code | Signed[Transfer]:
    """What zhibek gets from alatau for a transfer."""
    try:
        transfer, _ = line(net, "zhibek", "alatau").post("/v1/rivals", [asked.id, rival.to_cbor()])
    except Refusal as refusal:
        return refusal.code
    return cose.from_cbor(Transfer, transfer)


def test_of_a_token_once_seen_a_bank_is_told_nothing_more(net: LedgerNetwork) -> None:
    """Baurzhan of zhibek paid Aigul of alatau; what she does with it then is between her bank's customers."""
    baurzhan, aigul, shop = net.customer("Baurzhan", "zhibek"), net.customer("Aigul"), net.customer("Shop")
    seen = net.pay(baurzhan, baurzhan.fund(500_000), aigul, 500_000)
    baurzhan.upload(seen)
    net.settle_down()
    onward = net.pay(aigul, net.outputs(seen)[:1], shop, 200_000)
    assert aigul.upload(onward)[0].settlement is not None

    notary, alatau = line(net, "zhibek", NOTARY), line(net, "zhibek", "alatau")
    (statement,) = notary.post("/v1/lookups", [[seen.id, 0]])
    assert statement is None, "who consumed it, and at which bank"
    assert code_of(alatau.get, f"/v1/transfers/{onward.id.hex()}") is Code.AUTH_FORBIDDEN
    forged = cose.sign(replace(onward.body, amount=1), Key.of("zhibek itself").sign)
    for rival in (seen, forged):
        assert show(net, onward, rival) is Code.EVIDENCE_INVALID
    assert alatau.post("/v1/relays", [[], [], [], []]) == []


def test_a_bank_that_signs_untruths_learns_ids_and_banks_and_no_more(net: LedgerNetwork) -> None:
    """Zhibek has no transfer that consumes these; it says so under its name, once for each hop."""
    baurzhan, aigul, shop = net.customer("Baurzhan", "zhibek"), net.customer("Aigul"), net.customer("Shop")
    seen = net.pay(baurzhan, baurzhan.fund(500_000), aigul, 500_000)
    baurzhan.upload(seen)
    onward = net.pay(aigul, net.outputs(seen)[:1], shop, 500_000)
    last = net.refresh(shop, net.outputs(onward)[:1])
    shop.upload(last)
    notary, bank = line(net, "zhibek", NOTARY), net.network.signer("zhibek", "bank")
    followed, ref = [], TokenRef(seen.id, 0)
    for hop in range(2):
        untrue = cose.sign(Commit("zhibek", bytes([hop]) * 32, (ref,), net.now), bank.sign)
        ((statement,),) = notary.post("/v1/questions", [untrue.to_cbor()])
        said = read_consumption(statement).body
        fields = {field.name for field in fields_of(said)}
        assert fields <= {"consumer", "bank", "time", "refs", "salt"}
        followed.append((said.consumer, said.bank))
        ref = TokenRef(said.consumer, 0)
    assert followed == [(onward.id, "alatau"), (last.id, "alatau")]
    (forgotten,) = notary.post("/v1/lookups", [[last.id, 0]])
    assert forgotten is None, "a question consumes nothing"


def test_who_lost_a_token_is_shown_to_whom(net: LedgerNetwork) -> None:
    cheat, one, other = net.customer("Dauren"), net.customer("Shop 1"), net.customer("Shop 2", "zhibek")
    first, second = double_spend(net, cheat, one, other)
    one.upload(first)
    shown = show(net, first, second)
    assert isinstance(shown, Signed)
    assert shown.id == first.id
    assert show(net, second, first) is Code.NOT_FOUND
    other.upload(second)
    net.settle_down()
    answer = other.verdict(second)
    assert answer.settlement is not None
    assert answer.settlement.verdict is Verdict.CONFLICT
    assert answer.evidence is not None


def test_a_bank_is_told_its_own_position_and_no_sums(net: LedgerNetwork) -> None:
    aigul = net.customer("Aigul")
    aigul.fund(OPENING // 2)
    for bank, position in (("alatau", GRANT - OPENING // 2), ("zhibek", GRANT)):
        central = line(net, bank, CENTRAL_BANK)
        assert central.get("/v1/position") == [position]
        assert code_of(central.get, "/v1/books") is Code.AUTH_FORBIDDEN
        assert all(row[1] in ("issue", "funding") for row in central.get("/v1/movements"))
    assert line(net, "zhibek", CENTRAL_BANK).get("/v1/movements")[0][3] == GRANT
