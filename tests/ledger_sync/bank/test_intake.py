"""What an upload costs in signatures, and what it comes to when others write while it is verified."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from ledger_sync.bank.api.node import Node
from ledger_sync.bank.ports.shares import uploader_of_customer
from tests.ledger_sync.bank.customers import READ, Customer, Row
from tests.ledger_sync.bank.network import LedgerNetwork
from tests.ledger_sync.bank.watched import watched
from wallet.protocol.bundle import Bundle
from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Verdict
from wallet.protocol.transfer import Transfer


@pytest.fixture
def people(net: LedgerNetwork) -> list[Customer]:
    """The first is a customer of the bank that is watched, the others of the other."""
    return [net.customer("asel")] + [net.customer(f"person {number}", "zhibek") for number in range(4)]


def chain(net: LedgerNetwork, people: Sequence[Customer]) -> list[Signed[Transfer]]:
    """One token, handed on from each to the next."""
    (token,) = people[0].fund(10_000)
    made = []
    for payer, payee in pairwise(people):
        made.append(net.pay(payer, [token], payee, 10_000))
        token = net.outputs(made[-1])[0]
    return made


def upload(node: Node, customer: Customer, bundle: Bundle) -> list[Row]:
    return Row.all(node.upload(bundle, uploader_of_customer(customer.account), READ))


def verdicts(rows: Sequence[Row]) -> list[Verdict | None]:
    return [None if row.settlement is None else row.settlement.verdict for row in rows]


def test_each_new_signature_is_verified_once_and_outside_any_transaction(
    net: LedgerNetwork, people: list[Customer]
) -> None:
    transfers = chain(net, people)
    bundle = net.bundle(transfers)
    node, watch = watched(net)
    assert verdicts(upload(node, people[0], bundle)) == [Verdict.SETTLED] * 4
    new: list[Signed[Any]] = [
        *bundle.transfers,
        *bundle.requests,
        *(one.person.certificate for one in people[1:]),
    ]
    assert [watch.count(one) for one in new] == [1] * len(new)
    assert watch.count(people[0].person.certificate) == 0, "the bank's own certificate is known"
    assert watch.count(bundle.issuances[0]) == 0, "the bank funded it itself"
    assert watch.repeated() == {}
    assert watch.inside == []


def test_nothing_that_is_known_is_verified_again(net: LedgerNetwork, people: list[Customer]) -> None:
    transfers = chain(net, people)
    node, watch = watched(net)
    upload(node, people[0], net.bundle(transfers[:3]))
    watch.forget()
    upload(node, people[0], net.bundle(transfers[:3]))
    assert (watch.verified, watch.signed) == ([], [])
    upload(node, people[0], net.bundle(transfers))
    uploaded = net.bundle(transfers)
    brought: list[Signed[Any]] = [*uploaded.transfers, *uploaded.requests]
    counts = {one.id: watch.count(one) for one in brought}
    assert sorted(counts.values()) == [0] * 6 + [1] * 2
    assert counts[transfers[3].id] == 1


@pytest.mark.parametrize("backwards", [False, True])
def test_claims_are_verified_once_their_owner_is_known_however_deep(
    net: LedgerNetwork, people: list[Customer], backwards: bool
) -> None:
    """Transfers that came without provenance and certificates wait; what completes them finds all of their signers."""
    transfers = chain(net, people)
    node, watch = watched(net, "zhibek")
    payee = people[-1]
    for made in reversed(transfers) if backwards else transfers:
        assert verdicts(upload(node, payee, Bundle((made,)))) == [None]
    verified_early = [] if backwards else transfers[1:]  # a payload says who owns what it pays
    assert [one for one in transfers if watch.count(one)] == verified_early
    whole = net.bundle(transfers)
    bundle = Bundle(tuple(transfers[:1]), whole.issuances, whole.certificates, whole.requests)
    assert verdicts(upload(node, payee, bundle)) == [Verdict.SETTLED]
    assert [watch.count(one) for one in transfers] == [1] * 4
    assert watch.repeated() == {}
    assert watch.inside == []
    assert verdicts(upload(node, payee, Bundle(tuple(transfers)))) == [Verdict.SETTLED] * 4


def test_a_forged_claim_is_tried_once_and_never_kept(net: LedgerNetwork, people: list[Customer]) -> None:
    transfers = chain(net, people)
    node, watch = watched(net, "zhibek")
    mallory, payee = people[3], people[-1]
    forged = Signed(transfers[1].body, transfers[1].payload, transfers[0].signature, transfers[1].id)
    upload(node, mallory, Bundle((forged,)))
    whole = net.bundle(transfers[:1])
    upload(node, payee, whole)
    assert watch.count(transfers[0]) == 2, "once under each of the two payloads that it stands under"
    assert node.objects.transfers.entries((transfers[1].id,)) == {}
    assert watch.inside == []
    assert verdicts(upload(node, payee, net.bundle(transfers[:2]))) == [Verdict.SETTLED] * 2


# what comes while it is verified


def test_provenance_that_comes_meanwhile_says_whose_signature_it_is(
    net: LedgerNetwork, people: list[Customer]
) -> None:
    """Nobody in the bundle made the signature; before it is stored as a claim, its owner is known."""
    first, second, *_ = chain(net, people)
    node, watch = watched(net, "zhibek")
    other, payee = net.banks["zhibek"].node, people[-1]
    stranger = Bundle((second,), (), (people[0].person.certificate,), ())
    watch.meanwhile.append(lambda: None)  # the certificate
    watch.meanwhile.append(lambda: upload(other, payee, net.bundle([first])))
    assert verdicts(upload(node, payee, stranger)) == [Verdict.SETTLED]
    tried = [key for key, signature in watch.verified if signature == second.signature]
    assert tried == [people[0].key, people[1].key]
    assert watch.inside == []
    assert node.objects.transfers.claims((second.id,)) == {}


def test_the_same_from_another_upload_meanwhile_is_stored_once(
    net: LedgerNetwork, people: list[Customer]
) -> None:
    transfers = chain(net, people)
    bundle = net.bundle(transfers)
    node, watch = watched(net, "zhibek")
    other = net.banks["zhibek"].node
    watch.meanwhile.append(lambda: upload(other, people[1], bundle))
    rows = upload(node, people[-1], bundle)
    assert verdicts(rows) == [Verdict.SETTLED] * 4
    again = Row.all(other.answers.rows([row.txid for row in rows], READ))
    assert [row.settlement for row in again] == [row.settlement for row in rows]
    assert watch.inside == []
    net.settle_down()
    net.check_books()


def test_a_certificate_that_comes_meanwhile_completes_what_is_stored(
    net: LedgerNetwork, people: list[Customer]
) -> None:
    transfers = chain(net, people)[:1]
    node, watch = watched(net, "zhibek")
    other, payee = net.banks["zhibek"].node, people[1]
    whole = net.bundle(transfers)
    without = Bundle(whole.transfers, whole.issuances, (), whole.requests)
    certificate = Bundle((), (), whole.certificates, ())
    watch.meanwhile.append(lambda: upload(other, payee, certificate))
    assert verdicts(upload(node, payee, without)) == [Verdict.SETTLED]
    assert watch.inside == []


def test_of_two_that_spend_one_token_at_once_one_wins_and_the_other_has_evidence(
    net: LedgerNetwork, people: list[Customer]
) -> None:
    (token,) = people[0].fund(5_000)
    one, two = (net.pay(people[0], [token], payee, 5_000) for payee in people[1:3])
    node, watch = watched(net)
    other = net.banks["alatau"].node
    watch.meanwhile.append(lambda: upload(other, people[0], net.bundle([two])))
    (row,) = upload(node, people[0], net.bundle([one]))
    assert verdicts([row]) == [Verdict.CONFLICT]
    assert row.evidence is not None
    assert watch.inside == []
