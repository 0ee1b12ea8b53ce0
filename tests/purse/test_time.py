"""Time: one signed time, however wrong, never ends a wallet, and a later word leads back.

The clocks of central bank, notary and bank go wrong one after another, by any amount either way, and are right again.
"""

from __future__ import annotations

import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.purses import refused
from tests.support.wallets import WalletNetwork
from tests.support.world import DAY, NOW
from wallet.protocol import cose
from wallet.protocol.bounds import FAR_AHEAD
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.policy import PolicyUpdate
from wallet.protocol.time_word import TimeWord
from wallet.purse.store.tokens import TokenState
from wallet.purse.store.words import SKEW, Signer, Word, after, agreed, reached

HOUR = 3_600
ROLES = ("central bank", "notary", "bank")
MONEY = (50_000, 30_000, 20_000)

amounts = st.one_of(
    st.integers(-360 * DAY, 500 * DAY),
    st.sampled_from([5 * HOUR, -5 * HOUR, 47 * HOUR, 400 * DAY, SKEW, 2 * DAY + 1]),
)
"""Not before the directory's keys are good: no service signs anything then (`ledger_sync.service.steady`)."""
times = st.integers(NOW - 4 * DAY, NOW + 4 * DAY)


# the rule itself


def said(*words: int) -> dict[Signer, Word]:
    return {signer: Word(time) for signer, time in zip(Signer, words, strict=False)}


@given(times, st.lists(times, max_size=3))
def test_the_wallets_time_is_never_before_the_device_and_never_far_beyond_all_others_alone(
    device: int, words: list[int]
) -> None:
    now = reached(said(*words), device)
    assert now >= device
    assert now in (device, *words)
    assert now <= sorted([device, device, *words])[-2] + FAR_AHEAD


@given(times, times, times)
def test_what_two_services_say_counts_however_far_the_device_is_behind(
    device: int, one: int, other: int
) -> None:
    assert reached(said(one, other), device - 400 * DAY) >= min(one, other)


@given(times, st.integers(-500 * DAY, 500 * DAY))
def test_nothing_is_over_by_one_service_alone(device: int, wrong: int) -> None:
    assert agreed(said(device, device - HOUR, device + wrong), device) <= device
    assert agreed(said(device + wrong), device) <= device


@given(st.dictionaries(st.sampled_from(Signer), st.builds(Word, times)), times, st.sampled_from(ROLES))
def test_a_later_word_leads_back(held: dict[Signer, Word], device: int, role: str) -> None:
    heard = after(held, Signer(role), Word(device, device), device)
    assert reached(heard, device) <= device + SKEW


@given(times, st.integers(0, 500 * DAY), st.sampled_from(ROLES), st.sampled_from(ROLES))
def test_what_was_signed_by_a_wrong_clock_and_is_seen_again_leads_nowhere(
    device: int, wrong: int, asked: str, old: str
) -> None:
    heard = after({}, Signer(asked), Word(device, device), device)
    heard = after(heard, Signer(old), Word(device + wrong), device)
    assert reached(heard, device) <= device + SKEW


def test_old_words_raise_and_never_lower() -> None:
    held = after({}, Signer.NOTARY, Word(NOW), NOW - DAY)
    assert reached(held, NOW - DAY) == NOW
    assert after(held, Signer.NOTARY, Word(NOW - 1), NOW - DAY) == held
    assert reached(after(held, Signer.BANK, Word(NOW - DAY), NOW), NOW - DAY) == NOW


# wallets


def everything(net: WalletNetwork) -> None:
    """Both wallets go online: what happened is uploaded, keys are certified anew, money is renewed. A central bank
    whose clock is wrong renews nothing, for it and the banks refuse each other's calls."""
    for name in ("asel", "berik"):
        net.reconcile(name, anew=True, refresh="central bank" not in net.world.wrong)


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(ROLES), amounts), min_size=1, max_size=4), st.booleans())
def test_whatever_clock_was_wrong_wallets_reconcile_pay_and_keep_their_money(
    wrongs: list[tuple[str, int]], is_paid_meanwhile: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        net = WalletNetwork(Path(folder))
        try:
            net.wallet("asel", *MONEY), net.wallet("berik", bank="zhibek")
            for role, ahead in wrongs:
                net.world.now += HOUR
                net.world.wrong = {role: ahead}
                with suppress(Refusal):
                    everything(net)
                net.world.wrong = {}
                if is_paid_meanwhile:
                    everything(net)
                    assert net.pay("asel", "berik", 1_000).code is None
            net.world.now += HOUR
            everything(net), everything(net)
            asel, berik = net.wallets["asel"], net.wallets["berik"]
            assert abs(asel.now() - net.world.now) <= SKEW
            assert not asel._purse.tokens.all(TokenState.EXPIRED)
            paid = 1_000 * len(wrongs) * is_paid_meanwhile
            assert asel.balance().spendable == sum(MONEY) - paid
            assert net.pay("asel", "berik", 2_000).code is None
            assert berik.balance().spendable == paid + 2_000
        finally:
            net.close()


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("ahead", [5 * HOUR, 400 * DAY, 3_650 * DAY])
def test_one_wrong_time_ends_nothing_and_the_next_reconciling_leads_back(
    net: WalletNetwork, role: str, ahead: int
) -> None:
    net.wallet("asel", *MONEY), net.wallet("berik", bank="zhibek")
    net.pay("asel", "berik", 1_000)
    net.world.wrong = {role: ahead}
    net.reconcile("asel", refresh=True)
    asel = net.wallets["asel"]
    assert asel.now() <= net.world.now + FAR_AHEAD
    assert asel.balance().held + asel.balance().redeeming == sum(MONEY) - 1_000
    assert not asel._purse.tokens.all(TokenState.EXPIRED)
    net.world.wrong = {}
    net.reconcile("asel", refresh=True)
    assert abs(asel.now() - net.world.now) <= SKEW
    assert asel.balance().spendable == sum(MONEY) - 1_000
    assert net.pay("asel", "berik", 1_000).code is None


def test_a_time_far_ahead_counts_once_a_second_service_says_so(net: WalletNetwork) -> None:
    asel = net.wallet("asel", *MONEY)
    net.ahead["asel"] = -400 * DAY
    device = net.world.now - 400 * DAY
    net.world.now += 10 * DAY
    asel.reconciling.take_policy(None, net.update())
    assert asel.now() == net.world.now - 10 * DAY, "the words of before: both services had said that"
    net.certify("asel")
    assert asel.now() == net.world.now > device + 400 * DAY


def test_tokens_given_up_by_a_wrong_time_come_back(net: WalletNetwork) -> None:
    """Two clocks at once were wrong, or an earlier Qalta took one word for good."""
    asel = net.wallet("asel", *MONEY)
    net.world.wrong = dict.fromkeys(ROLES, 400 * DAY)
    net.reconcile("asel", anew=True)
    assert asel.balance().held == 0
    net.world.wrong = {}
    net.reconcile("asel", anew=True, refresh=True)
    assert asel.balance().spendable == sum(MONEY)
    assert asel.state.value == "sound"


def test_gossip_of_a_wrong_head_changes_nothing_for_whoever_hears_it(net: WalletNetwork) -> None:
    net.wallet("asel", *MONEY), net.wallet("berik", bank="zhibek")
    net.world.wrong = {"central bank": 400 * DAY}
    net.revoke(b"\7" * 16, 2)  # type: ignore[arg-type]
    net.learn_policy("asel")
    net.world.wrong = {}
    assert net.pay("asel", "berik", 1_000).code is None
    berik = net.wallets["berik"]
    assert berik.reconciling.policy_version == 1
    assert berik.now() == net.world.now
    assert net.pay("berik", "asel", 500).code is None


# calls


def word(net: WalletNetwork, nonce: bytes, time: int) -> cose.Signed[TimeWord]:
    return cose.sign(TimeWord("alatau", nonce, time), net.world.bank_key("alatau").sign)


NONCE = bytes(16)


def learn(net: WalletNetwork) -> None:
    net.wallets["asel"].reconciling.take_policy(
        None, PolicyUpdate(net.world.head(len(net.deltas)), tuple(net.deltas))
    )


@pytest.mark.parametrize("ahead", [-400 * DAY, -5 * HOUR, 25 * HOUR, 400 * DAY])
def test_a_wrong_device_dates_its_calls_by_bank_and_central_bank_and_is_named(
    net: WalletNetwork, ahead: int
) -> None:
    asel = net.wallet("asel")
    net.world.now += HOUR
    net.ahead["asel"] = ahead
    learn(net)
    asel.dating.take(word(net, NONCE, net.world.now), "alatau", NONCE)
    assert asel.dating.now() == net.world.now
    assert asel.dating.wrong_by == ahead


@pytest.mark.parametrize("ahead", [5 * HOUR, 400 * DAY])
def test_nothing_is_dated_ahead_by_the_bank_alone(net: WalletNetwork, ahead: int) -> None:
    asel = net.wallet("asel")
    learn(net)
    with refused(Code.AUTH_STALE):
        asel.dating.take(word(net, NONCE, net.world.now + ahead), "alatau", NONCE)
    assert asel.dating.now() == asel.now() == net.world.now
    assert asel.dating.wrong_by == 0


def test_a_word_counts_for_its_own_question_from_the_bank_that_was_asked(net: WalletNetwork) -> None:
    asel = net.wallet("asel")
    said = word(net, NONCE, net.world.now)
    with refused(Code.AUTH_SIGNATURE):
        asel.dating.take(said, "alatau", bytes([1]) * 16)
    with refused(Code.AUTH_SIGNATURE):
        asel.dating.take(said, "zhibek", NONCE)
    forged = cose.sign(TimeWord("alatau", NONCE, NOW), net.world.notary.sign)
    with refused(Code.AUTH_SIGNATURE):
        asel.dating.take(forged, "alatau", NONCE)
