"""Validity: each rule of SPEC 8.3 is broken by a transfer that its owner really signed, and gives its code."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.support.deals import AMOUNT, FACE, chain, deal, refusal_of
from tests.support.world import DAY, NOW, Key, Person, World
from wallet.protocol import cose
from wallet.protocol.bounds import MAX_HOP
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.payment import Payment
from wallet.protocol.request import request_ref
from wallet.protocol.transfer import Refresh, ToAccount, TokenRef, ToPayer, Transfer
from wallet.protocol.validity import Token, check_transfer, choose_certificate, issued_tokens, verify

WORLD = World()
AIGUL = WORLD.person("Aigul")
BAURZHAN = WORLD.person("Baurzhan", bank="zhibek")
OTHER = Key.of("somebody else")


def refused(payment: Payment, world: World = WORLD) -> Code:
    return refusal_of(lambda: verify(payment.encode(), world.directory()))


def edited(**changes: object) -> Payment:
    return deal(WORLD, edit=lambda body: replace(body, **changes)).payment  # type: ignore[arg-type]


def redeem(tokens: list[Token], purpose: Refresh | ToAccount | ToPayer, **changes: object) -> Payment:
    """Aigul redeems what an issuance gave her; ``changes`` to the transfer."""
    issuance = WORLD.issue(AIGUL, FACE)
    tokens = tokens or list(issued_tokens(issuance))
    total = sum(token.amount for token in tokens)
    made = WORLD.transfer(
        AIGUL,
        tokens,
        WORLD.redemption.public,
        total,
        purpose,
        edit=lambda body: replace(body, **changes),  # type: ignore[arg-type]
    )
    return Payment(1, (made,), (issuance,), (AIGUL.certificate,))


def test_a_valid_payment_says_what_its_payee_gets() -> None:
    verified = deal(WORLD).verified()
    (token,) = verified.received
    assert (token.amount, token.owner, token.hop) == (AMOUNT, BAURZHAN.key.public, 1)
    assert (token.currency, token.mark, token.made) == ("KZT", None, NOW)
    assert token.payer == AIGUL.key.public
    change = verified.tokens[TokenRef(token.ref.txid, 1)]
    assert (change.amount, change.owner, change.hop, change.payer) == (
        FACE - AMOUNT,
        AIGUL.key.public,
        0,
        None,
    )
    assert verified.signers[token.ref.txid] == AIGUL.certificate


@pytest.mark.parametrize("hops", [1, 2, 7, 15])
def test_money_goes_on_hop_by_hop_and_every_signature_is_needed(hops: int) -> None:
    made = chain(hops)
    verified = made.deal().verified()
    assert verified.received == (made.tokens[-1],)
    assert verified.received[0].hop == hops
    assert len(verified.tokens) == 8 + 2 * hops


def test_no_token_above_hop_fifteen() -> None:
    assert refusal_of(lambda: chain(MAX_HOP + 1)) is Code.HOP_LIMIT


def test_change_keeps_the_hop_and_a_payment_adds_one_to_the_highest() -> None:
    made = chain(3)
    last = made.people[3]
    fresh = made.world.issue(last, 700)
    inputs = [made.tokens[3], issued_tokens(fresh)[0]]
    request = made.world.request(BAURZHAN, 1_000)
    transfer = made.world.transfer(last, inputs, BAURZHAN.key.public, 1_000, request_ref(request))
    paid, change = made.world.outputs(transfer, inputs, last)
    assert (paid.hop, change.hop) == (4, 3)


def test_a_token_without_its_maker_is_missing() -> None:
    made = deal(WORLD)
    other = WORLD.issue(AIGUL, 7)
    assert refused(replace(made.payment, issuances=(other,))) is Code.PROVENANCE_MISSING
    beyond = TokenRef(made.payment.issuances[0].id, 1)
    assert refused(edited(inputs=(beyond,))) is Code.PROVENANCE_MISSING


def test_transfers_stand_in_topological_order() -> None:
    payment = chain(2).payment
    backwards = replace(payment, transfers=payment.transfers[::-1])
    assert refused(backwards) is Code.PROVENANCE_MISSING


def test_everything_stands_in_a_payment_once() -> None:
    payment = deal(WORLD).payment
    for name in ("transfers", "issuances", "certificates"):
        twice = replace(payment, **{name: getattr(payment, name) * 2})
        assert refused(twice) is Code.DUPLICATE_ITEM


def test_what_no_new_transfer_descends_from_does_not_travel() -> None:
    payment = chain(2).payment
    stranger = WORLD.person("stranger")
    loose = deal(
        WORLD, payer=stranger, issuances=(WORLD.issue(stranger, 1), WORLD.issue(stranger, 5)), amount=2
    )
    extra_transfer = Payment(
        1,
        (*loose.payment.transfers, *payment.transfers),
        payment.issuances + loose.payment.issuances,
        payment.certificates + loose.payment.certificates,
    )
    assert refused(extra_transfer) is Code.UNNEEDED_ITEM
    extra_issuance = replace(payment, issuances=(*payment.issuances, WORLD.issue(stranger, 1)))
    assert refused(extra_issuance) is Code.UNNEEDED_ITEM
    extra_certificate = replace(payment, certificates=(*payment.certificates, stranger.certificate))
    assert refused(extra_certificate) is Code.UNNEEDED_ITEM


def test_inputs_have_one_owner_one_currency_and_one_mark() -> None:
    mine = WORLD.issue(AIGUL, 1_000_000)
    for theirs, code in [
        (WORLD.issue(BAURZHAN, 1_000_000), Code.OWNER_MIXED),
        (WORLD.issue(AIGUL, 1_000_000, currency="XXX"), Code.CURRENCY_MIXED),
        (WORLD.issue(AIGUL, 1_000_000, mark=b"lunch"), Code.MARK_MIXED),
    ]:
        # Which of two unlike tokens comes first is the same for all: the order of their ids.
        made = deal(WORLD, issuances=(mine, theirs), certificates=(AIGUL.certificate, BAURZHAN.certificate))
        assert refused(made.payment) is code


def test_the_owner_of_the_inputs_signs() -> None:
    payment = deal(WORLD).payment
    transfer = payment.transfers[0]
    forged = cose.sign(transfer.body, OTHER.sign)
    assert refused(replace(payment, transfers=(forged,))) is Code.TRANSFER_SIGNATURE


def test_the_signers_certificate_travels() -> None:
    payment = deal(WORLD).payment
    assert refused(replace(payment, certificates=(BAURZHAN.certificate,))) is Code.CERTIFICATE_MISSING


def test_a_certificate_is_signed_by_a_listed_bank() -> None:
    payment = deal(WORLD).payment
    forged = cose.sign(AIGUL.certificate.body, OTHER.sign)
    assert refused(replace(payment, certificates=(forged,))) is Code.CERTIFICATE_SIGNATURE
    unlisted = WORLD.person("Aigul", bank="nowhere")
    assert refused(replace(payment, certificates=(unlisted.certificate,))) is Code.BANK_UNKNOWN
    too_early = WORLD.person("Aigul", issued=NOW - 400 * DAY, expires=NOW)
    assert refused(replace(payment, certificates=(too_early.certificate,))) is Code.CERTIFICATE_SIGNATURE


def test_only_the_central_bank_issues() -> None:
    payment = deal(WORLD).payment
    forged = cose.sign(payment.issuances[0].body, WORLD.bank_key("alatau").sign)
    assert refused(replace(payment, issuances=(forged,))) is Code.ISSUANCE_SIGNATURE


@pytest.mark.parametrize("change", [-1, 1, -(FACE - AMOUNT), FACE])
def test_no_transfer_makes_or_destroys_value(change: int) -> None:
    assert refused(edited(change=FACE - AMOUNT + change)) is Code.VALUE_MISMATCH


def test_a_payment_goes_to_somebody_else() -> None:
    assert refused(edited(payee=AIGUL.key.public)) is Code.SELF_PAYMENT


def test_a_transfer_is_not_dated_before_its_inputs() -> None:
    assert refused(edited(time=NOW - 1)) is Code.TIME_BEFORE_INPUTS


def test_a_transfer_is_dated_within_its_signers_certificate() -> None:
    late = WORLD.person("Aigul", issued=NOW + 1)
    assert refused(deal(WORLD, payer=late).payment) is Code.TIME_BEFORE_CERTIFICATE
    expired = NOW + 60 * DAY
    assert refused(edited(time=expired + 1)) is Code.CERTIFICATE_EXPIRED
    verify(edited(time=expired).encode(), WORLD.directory())


def test_a_transfer_is_not_dated_after_its_tokens_expire() -> None:
    issuance = WORLD.issue(AIGUL, FACE, expires=NOW + 10)

    def dated(time: int) -> Payment:
        return deal(WORLD, issuances=(issuance,), edit=lambda body: replace(body, time=time)).payment

    verify(dated(NOW + 10).encode(), WORLD.directory())
    assert refused(dated(NOW + 11)) is Code.TOKEN_EXPIRED


def test_outputs_inherit_the_earliest_expiry() -> None:
    issuances = (WORLD.issue(AIGUL, FACE, expires=NOW + 10), WORLD.issue(AIGUL, FACE, expires=NOW + 20))
    verified = deal(WORLD, issuances=issuances).verified()
    assert verified.received[0].expires == NOW + 10


class TestRedemption:
    def test_money_goes_back_to_the_central_bank(self) -> None:
        for purpose in (ToAccount(), Refresh(OTHER.public, (FACE - 1, 1))):
            payment = redeem([], purpose)
            (token,) = verify(payment.encode(), WORLD.directory()).received
            assert (token.owner, token.hop) == (WORLD.redemption.public, 0)

    def test_it_is_no_hop_and_legal_from_hop_fifteen(self) -> None:
        made = chain(15)
        last = made.people[15]
        redeemed = made.world.transfer(
            last, [made.tokens[15]], made.world.redemption.public, made.tokens[15].amount, ToAccount()
        )
        (token,) = made.world.outputs(redeemed, [made.tokens[15]], last)
        assert token.hop == 15

    def test_it_is_legal_after_token_and_certificate_expired(self) -> None:
        verify(redeem([], ToAccount(), time=NOW + 1000 * DAY).encode(), WORLD.directory())

    def test_it_is_not_dated_before_inputs_or_certificate(self) -> None:
        assert refused(redeem([], ToAccount(), time=NOW - 1)) is Code.TIME_BEFORE_INPUTS
        certificates = (WORLD.person("Aigul", issued=NOW + 1).certificate,)
        early = replace(redeem([], ToAccount()), certificates=certificates)
        assert refused(early) is Code.TIME_BEFORE_CERTIFICATE

    def test_only_a_redemption_pays_the_redemption_key_and_it_pays_no_other(self) -> None:
        assert refused(edited(payee=WORLD.redemption.public)) is Code.REDEMPTION_KEY
        assert refused(edited(purpose=ToAccount())) is Code.REDEMPTION_KEY

    def test_a_refresh_asks_for_what_it_redeems(self) -> None:
        assert refused(redeem([], Refresh(OTHER.public, (FACE, 1)))) is Code.REDEMPTION_AMOUNTS

    def test_a_refusal_gives_all_of_it_back_to_the_key_that_paid(self) -> None:
        made = deal(WORLD)
        token = made.verified().received[0]
        directory = WORLD.directory()

        def refuse(payer: bytes, tokens: list[Token], **changes: object) -> Signed[Transfer]:
            return WORLD.transfer(
                BAURZHAN,
                tokens,
                WORLD.redemption.public,
                sum(token.amount for token in tokens),
                ToPayer(payer),
                edit=lambda body: replace(body, **changes),  # type: ignore[arg-type]
            )

        def check(transfer: Signed[Transfer], tokens: list[Token]) -> tuple[Token, ...]:
            return check_transfer(transfer, tokens, BAURZHAN.certificate.body, directory)

        (back,) = check(refuse(AIGUL.key.public, [token]), [token])
        assert (back.owner, back.amount) == (WORLD.redemption.public, AMOUNT)
        stranger = refuse(OTHER.public, [token])
        assert refusal_of(lambda: check(stranger, [token])) is Code.REDEMPTION_PAYER
        part = refuse(AIGUL.key.public, [token], amount=AMOUNT - 1, change=1)
        assert refusal_of(lambda: check(part, [token])) is Code.REDEMPTION_AMOUNTS
        issued = list(issued_tokens(WORLD.issue(BAURZHAN, 5)))
        not_paid = refuse(BAURZHAN.key.public, issued)
        assert refusal_of(lambda: check(not_paid, issued)) is Code.REDEMPTION_PAYER

    def test_change_of_a_redemption_goes_on(self) -> None:
        issuance = WORLD.issue(AIGUL, FACE)
        token = issued_tokens(issuance)[0]
        redeemed = WORLD.transfer(AIGUL, [token], WORLD.redemption.public, 500_000, ToAccount())
        change = WORLD.outputs(redeemed, [token], AIGUL)[1]
        request = WORLD.request(BAURZHAN, 1)
        paid = WORLD.transfer(AIGUL, [change], BAURZHAN.key.public, 1, request_ref(request))
        payment = Payment(1, (redeemed, paid), (issuance,), (AIGUL.certificate,))
        assert verify(payment.encode(), WORLD.directory()).received[0].hop == 1


class TestWhichCertificate:
    """A merchant's key is certified again and kept: more certificates never make a valid transfer invalid."""

    FIRST = WORLD.person("shop", issued=NOW - 50 * DAY, expires=NOW - 20 * DAY).certificate
    SECOND = WORLD.person("shop", issued=NOW - 10 * DAY, expires=NOW + 20 * DAY).certificate
    LONGER = WORLD.person("shop", issued=NOW - 5 * DAY, expires=NOW + 25 * DAY).certificate
    SHOP = FIRST.body.key

    @pytest.mark.parametrize(
        ("time", "expected"),
        [
            (NOW - 60 * DAY, LONGER),
            (NOW - 50 * DAY, FIRST),
            (NOW - 20 * DAY, FIRST),
            (NOW - 15 * DAY, FIRST),
            (NOW - 10 * DAY, SECOND),
            (NOW, LONGER),
            (NOW + 22 * DAY, LONGER),
            (NOW + 99 * DAY, LONGER),
        ],
    )
    def test_the_one_in_force(self, time: int, expected: Signed) -> None:  # type: ignore[type-arg]
        every = (self.FIRST, self.SECOND, self.LONGER, AIGUL.certificate)
        assert choose_certificate(every, self.SHOP, time) == expected
        assert choose_certificate(every[::-1], self.SHOP, time) == expected

    def test_a_redemption_between_two_certificates_stays_valid_when_the_second_is_known(self) -> None:
        shop = Person(Key.of("shop"), self.FIRST)
        time = NOW - 15 * DAY
        issuance = WORLD.issue(shop, 50, issued=NOW - 30 * DAY)
        redeemed = WORLD.transfer(
            shop,
            issued_tokens(issuance),
            WORLD.redemption.public,
            50,
            ToAccount(),
            edit=lambda body: replace(body, time=time),
        )
        for certificates in ([self.FIRST], [self.FIRST, self.SECOND, self.LONGER]):
            chosen = choose_certificate(certificates, self.SHOP, time)
            check_transfer(redeemed, issued_tokens(issuance), chosen.body, WORLD.directory())

    def test_another_keys_certificate_is_none(self) -> None:
        made = deal(WORLD)
        token = issued_tokens(made.payment.issuances[0])[0]
        transfer = made.payment.transfers[0]

        def wrong() -> object:
            return check_transfer(transfer, [token], BAURZHAN.certificate.body, WORLD.directory())

        assert refusal_of(wrong) is Code.CERTIFICATE_MISSING


def test_the_same_bytes_and_directory_give_the_same_answer_whatever_the_clock() -> None:
    made = chain(4)
    raw = made.payment.encode()
    first = verify(raw, made.world.directory())
    made.world.now += 1000 * DAY
    again = verify(raw, made.world.directory())
    assert (first.tokens, first.received) == (again.tokens, again.received)
