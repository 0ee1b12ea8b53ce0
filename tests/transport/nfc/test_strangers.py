"""Others in the field while a payment is under way: they hear a request's name at most, and the payment goes on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.session.holders import FUNDS, Holder
from tests.session.pairs import AMOUNT, Pair, both_done
from tests.transport.nfc.taps import Clock, Field, Taps
from tests.transport.nfc.test_tapping import (
    ROLES,
    nothing,
    receipt_lost,
    requested,
    reserved,
    shown,
    signed,
    stored,
)
from wallet.protocol.codes import Code, Refusal
from wallet.session import Payee, Payer, PayerState
from wallet.session.events import PaymentAcknowledged, PaymentReceived
from wallet.tapping import PayeeTap, PayerTap
from wallet.transport.nfc import Card, TapEnd, Tapper, apdu, blocks
from wallet.transport.nfc.ports import Conversation

OTHER_AID = bytes.fromhex("00a4040007d276000085010100")
STATES = pytest.mark.parametrize(
    "state",
    [nothing, requested, reserved, signed, shown, stored, receipt_lost],
    ids=lambda state: state.__name__,
)


def bring(state: Callable[[Pair], None], payer_reads: bool) -> Taps:
    pair = Pair.of()
    state(pair)
    pair.hear()
    return Taps(pair, payer_reads=payer_reads)


def goes_on(taps: Taps) -> None:
    taps.until_over()
    both_done(taps.pair)


def payer_of(holder: Holder) -> PayerTap:
    return PayerTap(holder.paying, Payer(holder.paying))  # type: ignore[arg-type]


def payee_of(holder: Holder, amount: int = 70_000) -> PayeeTap:
    return PayeeTap(holder.receiving, Payee(holder.receiving, holder.ask(amount)))  # type: ignore[arg-type]


def reads(conversation: Conversation, card: Card) -> tuple[TapEnd | Code, Field]:
    """Somebody else's reader at ``card``."""
    clock, field = Clock(), Field(card)
    try:
        return Tapper(conversation, clock.pause).tap(field, clock.in_seconds(1)), field
    except Refusal as refusal:
        return refusal.code, field


def told(field: Field) -> set[bytes]:
    """The commands that a card heard after SELECT."""
    return {apdu.read_command(command).data for command, _ in field.log[1:]} - {b""}


@STATES
@pytest.mark.parametrize("other", ["payer", "payee"])
def test_another_wallets_card_in_front_of_the_payers_reader(
    state: Callable[[Pair], None], other: str
) -> None:
    taps = bring(state, payer_reads=True)
    holder = taps.pair.place.holder("other", "alatau", FUNDS)
    end = payer_of(holder) if other == "payer" else payee_of(holder)
    field = Field(Card(end))
    ref = taps.payer.ref
    if state is nothing:
        # Nothing is under way: whoever asks for money is listened to.
        assert taps.tapper.tap(field, taps.clock.in_seconds(1)) is (
            TapEnd.NOTHING_THERE if other == "payer" else TapEnd.PERSON_HERE
        )
        return
    with pytest.raises(Refusal) as refused:
        taps.tapper.tap(field, taps.clock.in_seconds(1))
    assert refused.value.code is Code.OTHER_WALLET
    assert told(field) == {b"\x01" + ref}
    assert end.events() == []
    goes_on(taps)


@STATES
def test_another_wallets_card_in_front_of_the_payees_reader(state: Callable[[Pair], None]) -> None:
    """A request may go to anybody. A receipt may not."""
    taps = bring(state, payer_reads=False)
    other = payer_of(taps.pair.place.holder("other", "alatau", FUNDS))
    field = Field(Card(other))
    if state in (stored, receipt_lost):
        with pytest.raises(Refusal) as refused:
            taps.tapper.tap(field, taps.clock.in_seconds(1))
        assert refused.value.code is Code.OTHER_WALLET
        assert told(field) == {b"\x01" + taps.payee.ref}
        assert other.session.state is PayerState.IDLE
    else:
        assert taps.tapper.tap(field, taps.clock.in_seconds(1)) is TapEnd.PERSON_THERE
        assert other.session.state is PayerState.REQUESTED
    goes_on(taps)


@STATES
def test_another_payers_reader_at_the_payees_card(state: Callable[[Pair], None]) -> None:
    taps = bring(state, payer_reads=True)
    other = payer_of(taps.pair.place.holder("other", "alatau", FUNDS))
    end, field = reads(other, taps.card)
    assert end is (TapEnd.NOTHING_THERE if state in (stored, receipt_lost) else TapEnd.PERSON_HERE)
    assert told(field) == {b"\x01"}
    goes_on(taps)


@STATES
def test_another_payees_reader_at_the_payers_card(state: Callable[[Pair], None]) -> None:
    taps = bring(state, payer_reads=False)
    other = payee_of(taps.pair.place.holder("other", "alatau"))
    if state is nothing:
        return
    end, _ = reads(other, taps.card)
    assert end is TapEnd.NOTHING_THERE
    # It hears that its request comes out of turn, and no payment.
    said = [type(event).__name__ for event in other.events()]
    assert said == ["PeerProblem"]
    goes_on(taps)


@STATES
@pytest.mark.parametrize("whose", ["payer", "payee"])
def test_a_strangers_hello(state: Callable[[Pair], None], whose: str) -> None:
    """Without a name or with one that nobody knows: no payment, no receipt."""
    taps = bring(state, payer_reads=whose == "payee")
    taps.card.answer(apdu.select())
    for ref in (b"", bytes(16)):
        (command,) = apdu.envelopes(blocks.write_command(blocks.Hello(ref)))
        answer = taps.card.answer(command)
        is_asking = whose == "payee" and not ref and state not in (stored, receipt_lost)
        assert (answer[:1] == b"\x82") is is_asking
    goes_on(taps)


@ROLES
def test_an_application_that_another_reader_selects_in_the_middle(payer_reads: bool) -> None:
    """Between any two APDUs: the tap ends with a typed refusal at worst, and the next ones go on."""
    number = 0
    while _is_taken_away(number, payer_reads):
        number += 1
    assert number > 6


def _is_taken_away(number: int, payer_reads: bool) -> bool:
    """Whether there was such an APDU."""
    taps = Taps(Pair.of(), payer_reads=payer_reads)
    passed = 0

    def intrude(_: int) -> None:
        nonlocal passed
        if passed == number:
            assert taps.card.answer(OTHER_AID).hex() == "6a82"
        passed += 1

    ended: list[TapEnd | Code] = []
    while not taps.is_paid and len(ended) < 6:
        try:
            ended.append(taps.tap(intrude))
        except Refusal as refusal:
            ended.append(refusal.code)
        taps.agree()
    assert ended.count(Code.LINK_GARBLED) <= 1
    both_done(taps.pair)
    return passed > number


def test_a_receipt_of_an_earlier_payment_is_heard_while_another_is_under_way() -> None:
    """The first payee's reader comes back for its payment; the second payment is not disturbed."""
    first = bring(receipt_lost, payer_reads=False)
    pair = first.pair
    shop = pair.place.holder("kiosk", "zhibek")
    request = shop.ask(70_000)
    kiosk = PayeeTap(shop.receiving, Payee(shop.receiving, request))  # type: ignore[arg-type]
    payer = payer_of(pair.alia)
    card = Card(payer)
    assert reads(kiosk, card)[0] is TapEnd.PERSON_THERE
    assert first.tapper.tap(Field(card), first.clock.in_seconds(1)) is TapEnd.OVER
    said = payer.events()
    assert any(isinstance(event, PaymentAcknowledged) for event in said)
    assert payer.session.state is PayerState.REQUESTED
    payer.session.confirm(70_000)
    kiosk_reader = Tapper(kiosk, Clock().pause)
    assert kiosk_reader.tap(Field(card), Clock().in_seconds(1)) is TapEnd.OVER
    assert (pair.alia.money, shop.money) == (sum(FUNDS) - AMOUNT - 70_000, 70_000)
    assert pair.alia.open_payments() == []


def test_a_payee_that_starts_anew_gets_the_payment_that_was_signed_for_it_whatever_else_is_under_way() -> (
    None
):
    """It puts its request first, as it knows of nothing that came of it; one tap is enough."""
    pair = Pair.of()
    shown(pair)
    kiosk = payee_of(pair.place.holder("kiosk", "zhibek"))
    payer = payer_of(pair.alia)
    card = Card(payer)
    assert reads(kiosk, card)[0] is TapEnd.PERSON_THERE
    pair.restart_payee()
    again = PayeeTap(pair.shop.receiving, pair.payee)  # type: ignore[arg-type]
    assert reads(again, card)[0] is TapEnd.OVER
    assert pair.shop.money == AMOUNT
    assert payer.session.state is PayerState.REQUESTED


def test_an_old_payee_who_asks_again_keeps_nobody_from_paying_anew() -> None:
    taps = bring(shown, payer_reads=False)
    goes_on(taps)
    payer = payer_of(taps.pair.alia)
    card = Card(payer)
    taps.restart_payee()
    assert taps.tapper.tap(Field(card), taps.clock.in_seconds(1)) is TapEnd.OVER
    kiosk = payee_of(taps.pair.place.holder("kiosk", "zhibek"))
    assert reads(kiosk, card)[0] is TapEnd.PERSON_THERE
    assert payer.session.state is PayerState.REQUESTED


@ROLES
def test_a_printed_code_by_tap_with_several_payers(payer_reads: bool) -> None:
    """One after the other, and the first once more after a receipt was lost: each pays once for each yes."""
    pair = Pair.of(printed=True)
    shop = pair.shop
    payee = PayeeTap(shop.receiving, Payee(shop.receiving, pair.request))  # type: ignore[arg-type]
    card, received = Card(payee), 0
    for name in ("alia", "berik", "dana"):
        holder = pair.alia if name == "alia" else pair.place.holder(name, "alatau", FUNDS)
        payer, clock = payer_of(holder), Clock()
        if not payer_reads:
            payee = PayeeTap(shop.receiving, Payee(shop.receiving, pair.request))  # type: ignore[arg-type]
        tapper = Tapper(payer if payer_reads else payee, clock.pause)
        card = card if payer_reads else Card(payer)
        tapper.tap(Field(card), clock.in_seconds(1))
        payer.session.confirm(AMOUNT)
        # The receipt is lost once: the payment is shown again, and is no new money.
        torn = Field(card, lambda n: "after" if n >= 4 else None)
        assert tapper.tap(torn, clock.in_seconds(1)) is TapEnd.TORN
        assert tapper.tap(Field(card), clock.in_seconds(1)) is TapEnd.OVER
        assert payer.session.state is PayerState.ACKNOWLEDGED
        assert holder.money == sum(FUNDS) - AMOUNT
        received += sum(isinstance(event, PaymentReceived) for event in payee.events())
    assert (received, shop.money) == (3, 3 * AMOUNT)


def test_a_printed_code_tells_nobody_of_the_others() -> None:
    """Whoever asks hears the request, named or not, and never another payer's receipt."""
    pair = Pair.of(printed=True)
    receipt_lost(pair)
    payee = PayeeTap(pair.shop.receiving, pair.payee)  # type: ignore[arg-type]
    asked = payee.current_message(payee.ref)
    assert asked == payee.current_message(b"")
    assert isinstance(asked, bytes)
    other = payer_of(pair.place.holder("other", "alatau", FUNDS))
    assert reads(other, Card(payee))[0] is TapEnd.PERSON_HERE
    assert PayeeTap(pair.shop.receiving, payee.session).current_message(bytes(16)) != asked  # type: ignore[arg-type]
