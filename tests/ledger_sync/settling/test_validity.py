"""Fragments in any order: judged once complete, never judged differently by more of them."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger_sync.settling import Fragments, Graph, Invalid, Layered, Valid, Validity, Waiting, assess
from tests.ledger_sync.settling.ledger import Ledger
from tests.support.world import DAY, NOW, Key
from wallet.protocol import cose
from wallet.protocol.bundle import Bundle
from wallet.protocol.certificate import WalletKind
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.keys import PublicKey
from wallet.protocol.transfer import ToAccount, TokenRef, Transfer
from wallet.protocol.validity import Token


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


def standings(ledger: Ledger, bundle: Bundle | None = None) -> dict[bytes, Validity]:
    return assess(ledger.bundle() if bundle is None else bundle, ledger.world.directory())


def test_a_complete_chain_is_valid_and_says_its_outputs(ledger: Ledger) -> None:
    ann, bob, cid = (ledger.person(name) for name in ("ann", "bob", "cid"))
    (token,) = ledger.issue(ann, 1000)
    paid, change = ledger.pay(ann, [token], bob, 600)
    (passed,) = ledger.pay(bob, [paid], cid, 600)
    found = standings(ledger)
    assert found == {
        paid.ref.txid: Valid((paid, change), ann.certificate),
        passed.ref.txid: Valid((passed,), bob.certificate),
    }
    assert passed.hop == 2


def test_a_missing_ancestor_is_waited_for_by_name(ledger: Ledger) -> None:
    ann, bob, cid = (ledger.person(name) for name in ("ann", "bob", "cid"))
    (token,) = ledger.issue(ann, 1000)
    (paid,) = ledger.pay(ann, [token], bob, 1000)
    (passed,) = ledger.pay(bob, [paid], cid, 1000)
    whole = ledger.bundle()
    without_first = replace(whole, transfers=(ledger.transfers[passed.ref.txid],))
    assert standings(ledger, without_first) == {passed.ref.txid: Waiting(frozenset({paid.ref.txid}))}
    without_issuance = replace(whole, issuances=())
    missing = Waiting(frozenset({token.ref.txid}))
    assert standings(ledger, without_issuance) == {paid.ref.txid: missing, passed.ref.txid: missing}
    without_certificate = replace(whole, certificates=(bob.certificate,))
    no_key = Waiting(keys=frozenset({ann.key.public}))
    assert standings(ledger, without_certificate) == {paid.ref.txid: no_key, passed.ref.txid: no_key}


def test_an_unknown_transfer_waits_for_itself(ledger: Ledger) -> None:
    graph = Graph(Fragments(Bundle()), ledger.world.directory())
    assert graph.validity(bytes(32)) == Waiting(frozenset({bytes(32)}))
    assert graph.token(TokenRef(bytes(32), 0)) is None


def test_what_is_invalid_is_so_for_its_descendants_too(ledger: Ledger) -> None:
    ann, bob, cid = (ledger.person(name) for name in ("ann", "bob", "cid"))
    (token,) = ledger.issue(ann, 1000)
    forged = ledger.world.transfer(
        ann, [token], bob.key.public, 1000, bytes(16), edit=lambda body: replace(body, amount=2000)
    )
    loot = Token(
        ref=TokenRef(forged.id, 0),
        amount=2000,
        owner=bob.key.public,
        currency=token.currency,
        mark=None,
        hop=1,
        expires=token.expires,
        made=NOW,
    )
    passed = ledger.world.transfer(bob, [loot], cid.key.public, 2000, bytes(16))
    for made in (forged, passed):
        ledger.transfers[made.id] = made
    found = standings(ledger)
    assert {validity.code for validity in found.values() if isinstance(validity, Invalid)} == {
        Code.VALUE_MISMATCH
    }
    assert len(found) == 2


def test_an_output_that_there_is_not_is_no_provenance(ledger: Ledger) -> None:
    ann, bob = ledger.person("ann"), ledger.person("bob")
    (token,) = ledger.issue(ann, 1000)
    ghost = replace(token, ref=TokenRef(token.ref.txid, 1))
    made = ledger.world.transfer(ann, [ghost], bob.key.public, 1000, bytes(16))
    ledger.transfers[made.id] = made
    validity = standings(ledger)[made.id]
    assert isinstance(validity, Invalid)
    assert validity.code is Code.PROVENANCE_MISSING


def test_another_signature_under_the_same_id_is_this_copys_fault(ledger: Ledger) -> None:
    ann, bob = ledger.person("ann"), ledger.person("bob")
    (token,) = ledger.issue(ann, 1000)
    (paid,) = ledger.pay(ann, [token], bob, 1000)
    good = ledger.transfers[paid.ref.txid]
    bad = cose.sign(good.body, Key.of("stranger").sign)
    assert bad.id == good.id
    validity = standings(ledger, replace(ledger.bundle(), transfers=(bad,)))[bad.id]
    assert isinstance(validity, Invalid)
    assert validity.code is Code.TRANSFER_SIGNATURE
    assert isinstance(standings(ledger)[good.id], Valid)


def test_certificates_and_issuances_that_nobody_signed_are_as_if_absent(ledger: Ledger) -> None:
    ann, bob = ledger.person("ann"), ledger.person("bob")
    (token,) = ledger.issue(ann, 1000)
    (paid,) = ledger.pay(ann, [token], bob, 1000)
    stranger = Key.of("stranger")
    later = replace(ann.certificate.body, expires=NOW + 300 * DAY)
    forged = cose.sign(later, stranger.sign)
    whole = ledger.bundle()
    assert standings(ledger, replace(whole, certificates=(*whole.certificates, forged))) == standings(ledger)
    assert standings(ledger, replace(whole, certificates=(forged,)))[paid.ref.txid] == Waiting(
        keys=frozenset({ann.key.public})
    )
    unissued = cose.sign(ledger.issuances[0].body, stranger.sign)
    assert standings(ledger, replace(whole, issuances=(unissued,)))[paid.ref.txid] == Waiting(
        frozenset({token.ref.txid})
    )


@pytest.mark.parametrize("kind", list(WalletKind))
@pytest.mark.parametrize("away", [-9 * DAY, 9 * DAY])
def test_another_certificate_may_still_come(ledger: Ledger, kind: WalletKind, away: int) -> None:
    """Any bank can certify any key, a person's too: what is dated outside all certificates at hand waits."""
    bob = ledger.person("bob")
    (name, extra) = ("shop", {"name": "shop"}) if kind is WalletKind.MERCHANT else ("ann", {})
    at_hand = ledger.world.person(
        name, kind=kind, issued=NOW + away, expires=NOW + away + DAY, bank="zhibek", **extra
    )
    (token,) = ledger.issue(at_hand, 1000)
    made = ledger.world.transfer(at_hand, [token], bob.key.public, 1000, bytes(16))
    bundle = Bundle((made,), tuple(ledger.issuances), (at_hand.certificate,))
    assert standings(ledger, bundle)[made.id] == Waiting(keys=frozenset({at_hand.key.public}))
    held_back = ledger.world.person(name, kind=kind, **extra)
    more = replace(bundle, certificates=(at_hand.certificate, held_back.certificate))
    validity = standings(ledger, more)[made.id]
    assert isinstance(validity, Valid)
    assert validity.signer == held_back.certificate


def test_what_no_certificate_can_mend_is_refused_at_once(ledger: Ledger) -> None:
    """The same code for everyone, whichever certificates are at hand."""
    ann, bob = ledger.person("ann"), ledger.person("bob")
    (token,) = ledger.issue(ann, 1000)
    old = ledger.world.person("ann", issued=NOW - 9 * DAY, expires=NOW - DAY)
    wrong = ledger.world.transfer(
        ann, [token], bob.key.public, 1000, bytes(16), edit=lambda body: replace(body, amount=2000)
    )
    for certificates in ((), (old.certificate,), (old.certificate, ann.certificate)):
        bundle = Bundle((wrong,), tuple(ledger.issuances), certificates)
        validity = standings(ledger, bundle)[wrong.id]
        assert isinstance(validity, Invalid)
        assert validity.code is Code.VALUE_MISMATCH


def test_a_signature_is_checked_once_whatever_the_number_of_certificates(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, bob = ledger.person("ann"), ledger.person("bob")
    (token,) = ledger.issue(ann, 1000)
    many = [ledger.world.person("ann", issued=NOW - DAY - n, expires=NOW - n - 1) for n in range(50)]
    (paid,) = ledger.pay(ann, [token], bob, 1000)
    checked: list[bytes] = []
    real = Signed.signed_by

    def counting(self: Signed[Transfer], key: PublicKey) -> bool:
        checked.append(self.id)
        return real(self, key)

    monkeypatch.setattr(Signed, "signed_by", counting)
    bundle = replace(ledger.bundle(), certificates=tuple(person.certificate for person in many))
    assert isinstance(standings(ledger, bundle)[paid.ref.txid], Waiting)
    assert checked.count(paid.ref.txid) == 1
    assert len(checked) == len(set(checked))


def test_a_later_certificate_never_makes_an_old_redemption_invalid(ledger: Ledger) -> None:
    old = ledger.world.person(
        "shop", kind=WalletKind.MERCHANT, name="shop", issued=NOW - 9 * DAY, expires=NOW - DAY
    )
    new = ledger.world.person("shop", kind=WalletKind.MERCHANT, name="shop", issued=NOW + DAY)
    (token,) = ledger.issue(old, 1000)
    redeemed = ledger.world.transfer(old, [token], ledger.world.redemption.public, 1000, ToAccount())
    for certificates in ((old.certificate,), (old.certificate, new.certificate)):
        bundle = Bundle((redeemed,), tuple(ledger.issuances), certificates)
        validity = standings(ledger, bundle)[redeemed.id]
        assert isinstance(validity, Valid)
        assert validity.signer == old.certificate


def test_a_chain_of_any_length_is_walked_without_recursion(ledger: Ledger) -> None:
    ann, bob = ledger.person("ann"), ledger.person("bob")
    (token,) = ledger.issue(ann, 3_000)
    for _ in range(1_200):
        paid, token = ledger.pay(ann, [token], bob, 1)
    objects = Fragments(ledger.bundle())
    validity = Graph(objects, ledger.world.directory()).validity(paid.ref.txid)
    assert isinstance(validity, Valid)


class Known(Fragments):
    """A store that knows tokens and nothing else."""

    def __init__(self, *tokens: Token) -> None:
        super().__init__(Bundle())
        self._tokens = {token.ref: token for token in tokens}

    def token(self, ref: TokenRef) -> Token | None:
        return self._tokens.get(ref)


def test_what_a_store_knows_is_not_asked_for_again(ledger: Ledger) -> None:
    ann, bob, cid = (ledger.person(name) for name in ("ann", "bob", "cid"))
    (token,) = ledger.issue(ann, 1000)
    (paid,) = ledger.pay(ann, [token], bob, 1000)
    (passed,) = ledger.pay(bob, [paid], cid, 1000)
    part = Bundle((ledger.transfers[passed.ref.txid],), (), (bob.certificate,))
    graph = Graph(Layered(Fragments(part), Known(paid)), ledger.world.directory())
    assert graph.validity(passed.ref.txid) == Valid((passed,), bob.certificate)
    assert graph.token(paid.ref) == paid


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), left_out=st.sets(st.integers(0, 30), max_size=8))
def test_more_fragments_never_change_a_judgement(seed: int, left_out: set[int]) -> None:
    ledger = Ledger()
    chance = random.Random(seed)
    people = [ledger.person(f"p{n}") for n in range(4)]
    owned = {0: list(ledger.issue(people[0], 500, 300)), 1: list(ledger.issue(people[1], 900)), 2: [], 3: []}
    for _ in range(8):
        payer = chance.choice([n for n, tokens in owned.items() if tokens])
        payee = chance.choice([n for n in owned if n != payer])
        spent = chance.sample(owned[payer], chance.randint(1, len(owned[payer])))
        total = sum(token.amount for token in spent)
        paid = ledger.pay(people[payer], spent, people[payee], chance.randint(1, total))
        owned[payer] = [token for token in owned[payer] if token not in spent] + paid[1:]
        owned[payee].append(paid[0])
    whole = ledger.bundle()

    def keep(items: tuple[object, ...], offset: int) -> tuple[object, ...]:
        return tuple(item for n, item in enumerate(items) if n + offset not in left_out)

    part = Bundle(keep(whole.transfers, 0), keep(whole.issuances, 10), keep(whole.certificates, 20))  # type: ignore[arg-type]
    final = standings(ledger)
    assert all(isinstance(validity, Valid) for validity in final.values())
    for txid, validity in standings(ledger, part).items():
        assert isinstance(validity, Waiting) or validity == final[txid]


def test_the_body_of_a_transfer_is_what_is_judged(ledger: Ledger) -> None:
    """A payload signed for another time is another transfer with another id."""
    ann, bob = ledger.person("ann"), ledger.person("bob")
    (token,) = ledger.issue(ann, 1000)

    def late(body: Transfer) -> Transfer:
        return replace(body, time=token.expires + 1)

    made = ledger.world.transfer(ann, [token], bob.key.public, 1000, bytes(16), edit=late)
    ledger.transfers[made.id] = made
    validity = standings(ledger)[made.id]
    assert isinstance(validity, Invalid)
    assert validity.code is Code.TOKEN_EXPIRED
