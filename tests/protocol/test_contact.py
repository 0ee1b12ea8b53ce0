"""A contact key is known by its signature beside this very request, and by nothing else."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.support.deals import deal
from tests.support.world import Key, World
from wallet.protocol import cose, kinds
from wallet.protocol.attachments import Attachment
from wallet.protocol.contact import Contact, contact_beside, contact_of
from wallet.session.messages import RequestMessage, decode, encode

WORLD = World()
DEAL = deal(WORLD)
REQUEST, OTHER = DEAL.request, deal(WORLD, amount=7).request
FRIEND, STRANGER = Key.of("contact key"), Key.of("stranger")
GOOD = contact_beside(REQUEST, FRIEND.public, FRIEND.sign)


def said_by(key: Key, body: Contact) -> Attachment:
    return Attachment("qck1", cose.sign(body, key.sign).encode())


def test_whoever_signs_beside_two_requests_is_recognised_in_both() -> None:
    for request in (REQUEST, OTHER):
        message = RequestMessage(request, (contact_beside(request, FRIEND.public, FRIEND.sign),))
        heard = decode(encode(message))
        assert isinstance(heard, RequestMessage)
        assert contact_of(heard.request, heard.attachments) == FRIEND.public


def test_what_is_not_known_stands_beside_it_and_disturbs_nothing() -> None:
    later = (Attachment("qck2", b"later"), GOOD, Attachment("qzz1", b""))
    assert contact_of(REQUEST, later) == FRIEND.public
    assert contact_of(REQUEST, ()) is None
    assert contact_of(REQUEST, later[:1]) is None


def test_a_signature_that_was_made_beside_one_request_says_nothing_about_another() -> None:
    assert contact_of(OTHER, (GOOD,)) is None


def test_nobody_signs_for_a_key_that_is_not_theirs() -> None:
    assert contact_of(REQUEST, (said_by(STRANGER, Contact(FRIEND.public, REQUEST.id)),)) is None


def test_the_key_that_is_paid_is_no_contact_key() -> None:
    payee = Key.of("Baurzhan")
    assert payee.public == REQUEST.body.key
    assert contact_of(REQUEST, (contact_beside(REQUEST, payee.public, payee.sign),)) is None


def test_of_two_contacts_neither_counts() -> None:
    assert contact_of(REQUEST, (GOOD, contact_beside(REQUEST, STRANGER.public, STRANGER.sign))) is None


@given(st.integers(0, len(GOOD.content) - 1), st.integers(1, 255))
def test_a_garbled_contact_is_none(place: int, change: int) -> None:
    raw = bytearray(GOOD.content)
    raw[place] ^= change
    assert contact_of(REQUEST, (replace(GOOD, content=bytes(raw)),)) is None


def test_it_is_signed_as_its_own_kind_and_so_is_no_other_object() -> None:
    signed = cose.parse(Contact, GOOD.content)
    assert signed.body == Contact(FRIEND.public, REQUEST.id)
    assert signed.id == cose.object_id(kinds.CONTACT, signed.payload)
    assert len(encode(RequestMessage(REQUEST, (GOOD,)))) - len(encode(RequestMessage(REQUEST))) < 170
