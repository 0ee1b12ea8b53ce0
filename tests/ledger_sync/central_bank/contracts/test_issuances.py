"""The issuances' contract: one cause, one issuance, one id; a refusal and a charge stand once."""

from __future__ import annotations

from ledger_sync.central_bank.ports.books import MovementKind
from ledger_sync.central_bank.ports.issuances import Cause, Charge, Issued, RefusedFunding
from ledger_sync.central_bank.ports.returns import Paid
from ledger_sync.central_bank.ports.storage import Storage
from tests.support.world import NOW, Key
from wallet.protocol import cose
from wallet.protocol.cose import Signed
from wallet.protocol.issuance import CURRENCY, Issuance

OWNER, ISSUING = Key.of("owner"), Key.of("issuing")
FUNDING, TXID = bytes(16), bytes(32)
assert MovementKind.FUNDING.value == Cause.FUNDING.value, "one name for one thing"


def issued(*amounts: int, funding: bytes = FUNDING) -> Signed[Issuance]:
    body = Issuance(
        funding=funding,
        owner=OWNER.public,
        currency=CURRENCY,
        amounts=amounts,
        mark=None,
        issued=NOW,
        expires=NOW + 1,
    )
    return cose.sign(body, ISSUING.sign)


def test_a_cause_has_one_issuance(storage: Storage, other: Storage) -> None:
    first, second = issued(10), issued(20)
    assert storage.issuances.keep(Cause.FUNDING, FUNDING, "alatau", first)
    assert not other.issuances.keep(Cause.FUNDING, FUNDING, "zhibek", second)
    assert other.issuances.find(Cause.FUNDING, FUNDING) == Issued("alatau", first)
    assert other.issuances.find(Cause.REDEMPTION, FUNDING) is None
    assert (other.issuances.has(first.id), other.issuances.has(second.id)) == (True, False)


def test_an_issuance_has_one_cause_until_it_gets_another(storage: Storage, other: Storage) -> None:
    made = issued(10)
    assert storage.issuances.keep(Cause.FUNDING, FUNDING, "alatau", made)
    assert not other.issuances.keep(Cause.REDEMPTION, TXID, "alatau", made)
    other.issuances.answers(made.id, Cause.REDEMPTION, TXID)
    assert storage.issuances.find(Cause.FUNDING, FUNDING) is None
    assert storage.issuances.find(Cause.REDEMPTION, TXID) == Issued("alatau", made)


def test_a_refusal_stands_until_it_is_forgotten(storage: Storage, other: Storage) -> None:
    refused = RefusedFunding(FUNDING, "alatau", OWNER.public, (1, 2, 2**52))
    assert storage.issuances.refused(FUNDING) is None
    assert storage.issuances.refuse(refused, 100)
    assert not other.issuances.refuse(RefusedFunding(FUNDING, "zhibek", OWNER.public, (1,)), 200)
    other.issuances.forget_refused(100)
    assert other.issuances.refused(FUNDING) == refused
    other.issuances.forget_refused(101)
    assert storage.issuances.refused(FUNDING) is None


def test_a_charge_is_taken_and_given_back_once(storage: Storage, other: Storage) -> None:
    made, charge = issued(10), Charge("alatau", FUNDING, 10)
    assert storage.issuances.keep(Cause.FUNDING, FUNDING, "alatau", made)
    assert storage.issuances.charged(made.id) is None
    assert storage.issuances.charge(made.id, charge)
    assert not other.issuances.charge(made.id, Charge("zhibek", FUNDING, 11))
    assert other.issuances.charged(made.id) == charge
    assert other.issuances.give_back(made.id)
    assert not storage.issuances.give_back(made.id)
    assert storage.issuances.charged(made.id) is None


def test_behind_an_issuance_stands_a_funding_a_paid_redemption_or_a_charge(storage: Storage) -> None:
    funded, given = issued(10), issued(20)
    assert not storage.issuances.is_backed(funded.id)
    storage.issuances.keep(Cause.FUNDING, FUNDING, "alatau", funded)
    storage.issuances.keep(Cause.REDEMPTION, TXID, "alatau", given)
    assert storage.issuances.is_backed(funded.id)
    assert not storage.issuances.is_backed(given.id), "a bank has only told of it"
    storage.issuances.charge(given.id, Charge("alatau", bytes(16), 20))
    assert storage.issuances.is_backed(given.id)
    storage.issuances.give_back(given.id)
    storage.returns.keep_redemption(TXID, Paid(given, 20, None))
    assert storage.issuances.is_backed(given.id)
