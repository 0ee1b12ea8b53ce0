"""Whatever a bank or a stranger sends to the central bank, the refusal is typed and the books stand."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_sync.sandbox.in_process.network import named
from tests.ledger_sync.central_bank.rig import CentralBankRig
from tests.support.world import Key
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.transfer import ToAccount

PATHS = (
    "/v1/issues",
    "/v1/withdrawals",
    "/v1/fundings",
    "/v1/redemptions",
    "/v1/refunds",
    "/v1/revocations",
    "/v1/challenges",
    "/v1/showings",
)


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CentralBankRig]:
    rig = CentralBankRig(tmp_path_factory.mktemp("central bank"))
    yield rig
    rig.close()


@pytest.fixture(scope="module")
def honest(rig: CentralBankRig) -> dict[str, Cbor]:
    """One good body for each path; the fuzz changes parts of them."""
    ann, bob = rig.ledger.person("ann"), rig.ledger.person("bob")
    paid = rig.ledger.pay(ann, rig.fund(ann, 1000), bob, 600)
    redeemed = rig.ledger.redeem(bob, paid[:1], ToAccount())
    rig.commit(paid, redeemed)
    proof = rig.proof()
    return {
        "/v1/issues": [named("i"), "alatau", 5],
        "/v1/withdrawals": [named("w"), "alatau", 5],
        "/v1/fundings": [named("f"), ann.key.public, [10, 20]],
        "/v1/redemptions": rig.asked(redeemed),
        "/v1/refunds": [paid[1].ref.to_cbor(), *proof, ann.possession().to_cbor()],
        "/v1/revocations": [[[ann.possession().to_cbor(), 2]], None],
        "/v1/challenges": [
            rig.ledger.statements[0].to_cbor(),
            *rig.asked(redeemed),
        ],
        "/v1/showings": [rig.ledger.transfers[redeemed[0].ref.txid].to_cbor(), bob.key.public],
    }


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**64), 2**64 - 1)
    | st.binary(max_size=40)
    | st.text(max_size=9)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.integers(-5, 5), inner, max_size=3),
    max_leaves=12,
)


def changed(chance: object, value: Cbor, other: Cbor) -> Cbor:
    """`value` with one part, somewhere in it, replaced, dropped, doubled or with a bit flipped."""
    pick = chance.random()  # type: ignore[attr-defined]
    if isinstance(value, list) and value and pick < 0.9:
        place = chance.randrange(len(value))  # type: ignore[attr-defined]
        copy = list(value)
        if pick < 0.05:
            del copy[place]
        elif pick < 0.1:
            copy.append(copy[place])
        else:
            copy[place] = changed(chance, copy[place], other)
        return copy
    if isinstance(value, bytes) and value and pick < 0.7:
        place = chance.randrange(len(value))  # type: ignore[attr-defined]
        return value[:place] + bytes([value[place] ^ 1 << int(pick * 10)]) + value[place + 1 :]
    return other


@settings(max_examples=300, deadline=None)
@given(
    path=st.sampled_from(PATHS), chance=st.randoms(use_true_random=False), other=VALUES, whole=st.booleans()
)
def test_no_body_is_unforeseen(
    rig: CentralBankRig, honest: dict[str, Cbor], path: str, chance: object, other: Cbor, whole: bool
) -> None:
    value = other if whole else changed(chance, honest[path], other)
    client = rig.operator if path in PATHS[:2] else rig.alatau
    try:
        client.post(path, value)
    except Refusal as refusal:
        assert refusal.code not in {Code.INTERNAL, Code.UNREACHABLE}  # noqa: PT017
    rig.books()


@pytest.mark.parametrize("path", PATHS)
def test_customers_and_strangers_are_not_served(
    rig: CentralBankRig, honest: dict[str, Cbor], path: str
) -> None:
    assert rig.code(rig.client(Key.of("ann")), path, honest[path]) is Code.AUTH_FORBIDDEN


@settings(max_examples=50, deadline=None)
@given(since=st.text(max_size=20) | st.integers())
def test_queries_are_read_strictly(rig: CentralBankRig, since: str | int) -> None:
    for path in ("/v1/policy", "/v1/movements"):
        try:
            rig.alatau.get(path, {"since": since})
        except Refusal as refusal:
            assert refusal.code is Code.MALFORMED  # noqa: PT017
