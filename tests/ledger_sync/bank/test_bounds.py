"""Everything that a caller sends is bounded, and answered by a typed problem or in full."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledger_sync.bank import terms
from ledger_sync.bank.api.route_parts import take
from ledger_sync.http.call import Signer, sign_call
from ledger_sync.http.problems import busy
from ledger_sync.http.routes import Caller, CallerKind, IncomingCall
from ledger_sync.sandbox.in_process import CENTRAL_BANK, authority, url
from tests.ledger_sync.bank.customers import Customer
from tests.ledger_sync.bank.network import LedgerNetwork
from tests.support.world import Key
from wallet.protocol import codec
from wallet.protocol.bounds import DAY, MAX_CERTIFICATE_LIFE
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.settlement import Verdict

POSTS = (
    "enrolments",
    "certificates",
    "fundings",
    "uploads",
    "verdicts",
    "deliveries",
    "keys",
    "losses",
    "relays",
    "customers",
    "devices",
)
FUZZ = settings(
    max_examples=200,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
scalars = st.one_of(
    st.integers(-(2**64), 2**64 - 1),
    st.binary(max_size=40),
    st.text(max_size=20),
    st.booleans(),
    st.none(),
    st.sampled_from([16, 32, 33, 64]).flatmap(lambda size: st.binary(min_size=size, max_size=size)),
)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=5), max_leaves=20)


def near(*shape: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Lists of the right length with mostly fitting fields."""
    return st.tuples(*(st.one_of(field, field, field, scalars) for field in shape)).map(list)


@pytest.mark.parametrize("validity", [MAX_CERTIFICATE_LIFE + 1, -1])
def test_terms_under_which_no_certificate_would_be_taken_are_no_terms(validity: int) -> None:
    assert terms.Terms.of({"validity": MAX_CERTIFICATE_LIFE}).validity == MAX_CERTIFICATE_LIFE
    with pytest.raises(ValueError, match="validity"):
        terms.Terms.of({"validity": validity})


octets16, octets32 = st.binary(min_size=16, max_size=16), st.binary(min_size=32, max_size=32)
keys = st.binary(min_size=32, max_size=32).map(lambda rest: b"\x02" + rest) | st.just(
    Key.of("newcomer").public
)
amounts = st.integers(-1, 2**53)
SHAPES: dict[str, st.SearchStrategy[Any]] = {
    "enrolments": near(st.text(max_size=40), keys),
    "certificates": near(keys, amounts, st.binary(min_size=64, max_size=64)),
    "fundings": near(octets16, keys, st.lists(amounts, max_size=34)),
    "uploads": near(*[st.lists(scalars, max_size=2)] * 4),
    "verdicts": st.lists(octets32, max_size=70),
    "deliveries": near(st.integers(-1, 2**60)),
    "keys": st.lists(keys, max_size=70),
    "losses": st.just([]) | st.lists(scalars, max_size=2),
    "relays": near(*[st.lists(scalars, max_size=2)] * 4),
    "customers": near(octets16, st.text(max_size=70), st.integers(-1, 3), st.integers(-1, 10_001), amounts),
    "devices": near(octets16, st.text(max_size=40)),
}


def raw_post(net: LedgerNetwork, path: str, body: bytes, key: Key) -> httpx.Response:
    target = f"{authority('alatau')}/v1/{path}"
    header = sign_call("POST", target, body, Signer(key.public, key.sign), net.clock, net.random)
    transport = net.network.lines.connect(key.name)(url("alatau"))
    with httpx.Client(transport=transport, base_url=url("alatau")) as client:
        return client.post(f"/v1/{path}", content=body, headers={"authorization": header})


def check_typed(response: httpx.Response) -> None:
    assert response.status_code != 500, response.text
    if response.status_code == 200:
        codec.decode(response.content, 2**22)
    else:
        assert response.headers["content-type"] == "application/problem+json"
        assert Code(response.json()["code"]) is not Code.INTERNAL


class Callers:
    """One of each kind."""

    def __init__(self, net: LedgerNetwork) -> None:
        self.net = net
        self.customer = net.customer("Aigul")
        bank = net.network.keystores["zhibek"]
        self.bank = Key("zhibek", bank._key("bank"), bank.public_key("bank"))
        self.keys = [self.customer.device, Key.of("newcomer"), net.operator, self.bank]


@pytest.fixture
def callers(net: LedgerNetwork) -> Callers:
    return Callers(net)


@FUZZ
@given(path=st.sampled_from(POSTS), value=values, who=st.integers(0, 3))
def test_any_value_gets_an_answer_or_a_typed_problem(
    callers: Callers, path: str, value: Any, who: int
) -> None:
    check_typed(raw_post(callers.net, path, codec.encode(value), callers.keys[who]))


@FUZZ
@given(path=st.sampled_from(POSTS), who=st.integers(0, 3), data=st.data())
def test_nearly_right_values_too(callers: Callers, path: str, who: int, data: st.DataObject) -> None:
    check_typed(raw_post(callers.net, path, codec.encode(data.draw(SHAPES[path])), callers.keys[who]))


@FUZZ
@given(path=st.sampled_from(POSTS), body=st.binary(max_size=300), who=st.integers(0, 3))
def test_any_bytes_get_a_typed_problem(callers: Callers, path: str, body: bytes, who: int) -> None:
    check_typed(raw_post(callers.net, path, body, callers.keys[who]))


@FUZZ
@given(data=st.data())
def test_a_bundle_with_a_byte_changed_is_typed_and_blames_nobody(
    callers: Callers, data: st.DataObject
) -> None:
    net, aigul = callers.net, callers.customer
    if not hasattr(callers, "raw"):
        shop = net.customer("Shop")
        bundle = net.bundle([net.pay(aigul, aigul.fund(500_000), shop, 300_000)])
        callers.raw = bundle.encode()  # type: ignore[attr-defined]
    raw = bytearray(callers.raw)  # type: ignore[attr-defined]
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    path, key = data.draw(st.sampled_from([("uploads", aigul.device), ("relays", callers.bank)]))
    check_typed(raw_post(net, path, bytes(raw), key))
    assert net.policy().revoked == {}


def refusal(action: Any, *given_values: Any) -> Code:
    with pytest.raises(Refusal) as caught:
        action(*given_values)
    return caught.value.code


def test_sizes_and_counts_are_checked(net: LedgerNetwork) -> None:
    aigul = net.customer("Aigul")
    line = aigul.line()
    assert raw_post(net, "fundings", bytes(5_000), aigul.device).json()["code"] == Code.TOO_LARGE
    assert raw_post(net, "uploads", bytes(262_145), aigul.device).json()["code"] == Code.TOO_LARGE
    assert refusal(line.post, "/v1/fundings", [bytes(16), aigul.key, [1] * 33]) is Code.TOO_MANY
    assert refusal(line.post, "/v1/verdicts", [bytes([n]) * 32 for n in range(65)]) is Code.TOO_MANY


def test_what_a_bundle_holds_is_counted_before_any_of_it_is_stored(net: LedgerNetwork) -> None:
    aigul, shop = net.customer("Aigul"), net.customer("Shop")
    paid = net.pay(aigul, aigul.fund(1_000), shop, 700)
    bundle, node = net.bundle([paid]), net.banks["alatau"].node
    counted: list[int] = []

    def full(rows: int) -> None:
        counted.append(rows)
        raise busy(3)

    who = Caller(CallerKind.CUSTOMER, shop.account, shop.key)
    with pytest.raises(Refusal) as caught:
        take(node, IncomingCall(who, bundle.to_cbor(), charge=full), "customer:shop")
    assert (caught.value.code, caught.value.facts) == (Code.BUSY, {"after": 3})
    assert counted == [4], "transfer, request, certificate, issuance"
    assert node.objects.transfers.stage(paid.id) is None


def test_fundings_of_a_day_have_a_limit_and_defunding_has_none(net: LedgerNetwork) -> None:
    """Funding and defunding one tiyn all day costs nobody but the banks and the central bank, who keep the rows."""
    net.agree(fundings=3)
    aigul, dina = net.customer("Aigul"), net.customer("Dina")
    tokens = [*aigul.fund(1), *aigul.fund(1)]
    net.now += 60
    tokens += aigul.fund(1, funding=b"third".ljust(16))
    balance = aigul.balance()
    with pytest.raises(Refusal) as refused:
        aigul.fund(1, funding=b"x" * 16)
    assert (refused.value.code, refused.value.facts) == (Code.TOO_MANY, {"count": 3, "limit": 3})
    assert aigul.balance() == balance, "nothing was debited"
    assert aigul.fund(1, funding=b"third".ljust(16)) == (tokens[2],), "the same again is no other"
    assert dina.fund(1), "nobody pays for another"
    assert refusal(aigul.fund_raw, b"y" * 16, 1) is Code.TOO_MANY
    for token in tokens:
        (row,) = aigul.upload(net.defund(aigul, [token]))
        assert row.settlement is not None
        assert row.settlement.verdict is Verdict.SETTLED
    assert aigul.balance() == balance + 3
    assert refusal(aigul.fund_raw, b"z" * 16, 1) is Code.TOO_MANY, "what came back was funded"
    net.now += DAY - 60
    assert aigul.fund(1), "two are a day old"
    assert aigul.fund(1)
    assert refusal(aigul.fund_raw, b"u" * 16, 1) is Code.TOO_MANY
    assert refusal(aigul.fund_raw, b"x" * 16, 1) is Code.TOO_MANY, "what was refused stays refused"


def test_fundings_that_a_wrong_clock_has_dated_count_for_no_day(net: LedgerNetwork) -> None:
    net.agree(fundings=2)
    aigul = net.customer("Aigul")
    net.now += DAY
    assert aigul.fund(1)
    assert aigul.fund(1)
    net.now -= DAY
    assert aigul.fund(1)
    assert aigul.fund(1)
    assert refusal(aigul.fund_raw, b"x" * 16, 1) is Code.TOO_MANY


def test_open_fundings_and_devices_have_a_limit(net: LedgerNetwork) -> None:
    aigul = net.customer("Aigul")
    net.down.add(CENTRAL_BANK)
    for number in range(terms.MAX_OPEN_FUNDINGS):
        assert refusal(aigul.fund_raw, bytes([number]) * 16, 1) is Code.UNREACHABLE
    assert refusal(aigul.fund_raw, b"x" * 16, 1) is Code.TOO_MANY
    operator = net.line("alatau", net.operator)
    for number in range(1, terms.MAX_DEVICES):
        (code,) = operator.post("/v1/devices", [bytes([number]) * 16, aigul.account])
        net.enrol(Customer(net, "alatau", "more", Key.of(f"device {number}")), code)
    (code,) = operator.post("/v1/devices", [b"y" * 16, aigul.account])
    one_more = Customer(net, "alatau", "more", Key.of("one more"))
    assert refusal(net.enrol, one_more, code) is Code.TOO_MANY


def test_rows_that_do_not_fit_wait_and_are_asked_for_again(net: LedgerNetwork) -> None:
    aigul, shop = net.customer("Aigul"), net.customer("Shop")
    tokens = aigul.fund(*[1_000] * 8)
    paid = [net.pay(aigul, [token], shop, 500) for token in tokens]
    net.resize(rows=1_500)
    rows = shop.upload(*paid)
    assert 0 < sum(row.settlement is not None for row in rows) < len(rows)
    net.resize()
    assert all(shop.verdict(transfer).settlement is not None for transfer in paid)


def test_a_provenance_that_fits_no_bundle_is_refused_and_its_token_stays_free(
    net: LedgerNetwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wallet.protocol.weight.MAX_BUNDLE_ITEMS", 7)
    aigul, shop = net.customer("Aigul"), net.customer("Shop")
    change = aigul.fund(100_000)
    for _ in range(6):
        paid = net.pay(aigul, change, shop, 100)
        aigul.upload(paid)
        change = net.outputs(paid)[1:]
    too_long = net.pay(aigul, change, shop, 100)
    row = next(row for row in aigul.upload(too_long) if row.txid == too_long.id)
    assert row.settlement is not None
    assert (row.settlement.verdict, row.settlement.code) == (Verdict.REFUSED, Code.PROVENANCE_TOO_LONG)
    net.settle_down()
    net.now += 121 * 86_400
    net.settle_down()
    assert net.central_books()[2] == 0, "what was left came back"
    net.check_books()


def test_deliveries_come_in_pages(net: LedgerNetwork) -> None:
    net.resize(delivered=2_000)
    aigul, baurzhan = net.customer("Aigul"), net.customer("Baurzhan", "zhibek")
    paid = [net.pay(aigul, [token], baurzhan, 500) for token in aigul.fund(*[1_000] * 10)]
    aigul.upload(*paid)
    net.settle_down()
    seen: list[bytes] = []
    while (page := baurzhan.deliveries()[1]) != []:
        assert len(page) < 10
        seen += [row.txid for row in page]
    assert sorted(seen) == sorted(transfer.id for transfer in paid)
