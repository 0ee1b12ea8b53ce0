"""Attachments stand only where there are some; what is not known of them is kept, passed over, and takes no part."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.support.deals import deal
from tests.support.world import World
from wallet.protocol import codec
from wallet.protocol.attachments import Attachment
from wallet.protocol.bundle import Bundle, parse_bundle
from wallet.protocol.payment import parse_payment
from wallet.protocol.validity import verify
from wallet.session.messages import RequestMessage, decode, encode

WORLD = World()
DEAL = deal(WORLD)

attachments = st.lists(
    st.builds(Attachment, st.text("qabc123ж", min_size=1, max_size=8), st.binary(max_size=60)),
    max_size=8,
    unique=True,
)


@given(attachments)
def test_they_come_back_in_one_order_and_change_nothing_of_what_carries_them(made: list[Attachment]) -> None:
    listed, kept = tuple(made), tuple(sorted(made))
    paid = parse_payment(replace(DEAL.payment, attachments=listed).encode())
    assert paid == replace(DEAL.payment, attachments=kept)
    judged, plain = verify(paid.encode(), WORLD.directory()), DEAL.verified()
    assert (judged.tokens, judged.signers) == (plain.tokens, plain.signers)
    bundle = Bundle.of_payment(DEAL.payment, [DEAL.request])
    assert parse_bundle(replace(bundle, attachments=listed).encode()) == replace(bundle, attachments=kept)
    asked = RequestMessage(DEAL.request, listed)
    assert decode(encode(asked)) == replace(asked, attachments=kept)


def test_without_them_the_bytes_are_those_that_they_always_were() -> None:
    request = DEAL.request.to_cbor()
    assert encode(RequestMessage(DEAL.request)) == codec.encode([1, request])
    assert len(codec.decode(DEAL.payment.encode(), 1 << 16)) == 5
    assert len(codec.decode(Bundle.of_payment(DEAL.payment).encode(), 1 << 16)) == 4


def test_what_came_beside_a_payment_is_not_handed_on_with_its_money() -> None:
    payment = replace(DEAL.payment, attachments=(Attachment("qzz1", b"x"),))
    assert Bundle.of_payment(payment).attachments == ()
