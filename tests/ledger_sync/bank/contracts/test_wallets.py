"""The wallet register's contract: a key is one customer's for ever, and of two that certify it at once one does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from ledger_sync.bank.ports.customers import Admission, Customer
from ledger_sync.bank.ports.storage import Storage
from ledger_sync.bank.ports.wallets import Certified, Holder
from tests.ledger_sync.bank.contracts.chain import ACCOUNT, DEVICE, Chain, enter
from tests.ledger_sync.bank.contracts.conftest import Backend
from tests.support.world import DAY, LIMITS, NOW
from wallet.protocol.certificate import Certificate, WalletKind
from wallet.protocol.cose import Signed

OWN = Holder(ACCOUNT.id, DEVICE)
OTHER = Holder("b" * 32, b"\3" + bytes(32))


@pytest.fixture
def chain(storage: Storage) -> Chain:
    """With two customers, each with a device."""
    enter(storage)
    storage.accounts.open(OTHER.account)
    storage.customers.add(Customer(OTHER.account, "Berik", WalletKind.PERSON, 0), 0, NOW)
    storage.customers.add_code("OTHER", b"other", OTHER.account)
    assert storage.customers.admit(OTHER.device, "OTHER", NOW, 1) is Admission.ADMITTED
    return Chain(storage)


def certificate(chain: Chain, key: str, number: int, days: int = 60) -> Signed[Certificate]:
    """The certificate of this number of a key, in the archive; good for so many days."""
    person = chain.world.person(key, wallet=number.to_bytes(16, "big"), expires=NOW + days * DAY)
    with chain.storage.unit.transaction():
        chain.objects.certificates.add(person.certificate)
    return person.certificate


def certified(signed: Signed[Certificate], holder: Holder = OWN, policy: int | None = None) -> Certified:
    body = signed.body
    return Certified(body.wallet, body.key, holder, signed.id, body.issued, body.expires, policy)


def test_a_key_is_certified_after_what_it_has_and_found_by_its_last_to_expire(chain: Chain) -> None:
    wallets = chain.storage.wallets
    first, second, third = (certified(certificate(chain, "k", number, days=number)) for number in (2, 3, 1))
    assert (wallets.newest(first.key), wallets.holder(first.key)) == (None, None)
    assert not wallets.certify(second, first.wallet)
    assert wallets.certify(first, None)
    assert not wallets.certify(second, None)
    assert wallets.certify(second, first.wallet)
    assert wallets.newest(first.key) == second
    assert wallets.learn(third)
    assert not wallets.learn(third)
    assert wallets.newest(first.key) == second
    assert [wallets.get(one.wallet) for one in (first, second, third)] == [first, second, third]
    assert wallets.get(bytes(16)) is None
    assert wallets.get_each([first.wallet, bytes(16), third.wallet]) == {
        first.wallet: first,
        third.wallet: third,
    }
    assert wallets.holder(first.key) == OWN
    assert wallets.holders([first.key, bytes(33), third.key]) == {first.key: OWN, third.key: OWN}
    assert wallets.holders([]) == {}


def test_of_two_that_expire_at_once_the_newest_is_the_same_one_each_time(chain: Chain) -> None:
    wallets = chain.storage.wallets
    one, two = (certified(certificate(chain, "k", number)) for number in (1, 2))
    assert wallets.learn(two)
    assert wallets.certify(one, two.wallet)
    assert wallets.newest(one.key) == one


def test_a_key_is_nobody_elses_ever_after(chain: Chain) -> None:
    wallets = chain.storage.wallets
    mine = certified(certificate(chain, "k", 1))
    theirs = certified(certificate(chain, "k", 2), OTHER)
    assert wallets.certify(mine, None)
    assert not wallets.certify(theirs, mine.wallet)
    assert wallets.get(theirs.wallet) is None
    assert wallets.holder(mine.key) == OWN


def test_what_is_good_is_listed_by_account_and_counted_by_device(chain: Chain) -> None:
    wallets = chain.storage.wallets
    for number, days, holder in ((1, 1, OWN), (2, 2, OWN), (3, 2, OTHER)):
        made = certified(certificate(chain, f"key {number}", number, days), holder)
        assert wallets.certify(made, None)
    ids = [number.to_bytes(16, "big") for number in (1, 2)]
    assert wallets.unexpired(OWN.account, NOW + DAY) == ids
    assert wallets.unexpired(OWN.account, NOW + DAY + 1) == ids[1:]
    assert wallets.unexpired(OWN.account, NOW, but_of=OWN.device) == []
    assert [wallets.count_unexpired(OWN.device, NOW + day) for day in (DAY, DAY + 1, 2 * DAY + 1)] == [
        2,
        1,
        0,
    ]


def test_a_possession_is_shown_under_the_last_certificate_or_the_one_that_is_named(chain: Chain) -> None:
    wallets = chain.storage.wallets
    first, second = (certificate(chain, "k", number, days=number) for number in (1, 2))
    key, proof = first.body.key, b"p" * 64
    for signed in (first, second):
        assert wallets.learn(certified(signed))
    assert wallets.possession(key) is None
    assert wallets.keep_possession(OWN.device, key, proof)
    assert not wallets.keep_possession(OWN.device, key, b"q" * 64)
    shown = wallets.possession(key)
    assert shown is not None
    assert (shown.certificate, shown.device, shown.proof) == (second, OWN.device, proof)
    named = wallets.possession(key, first.id)
    assert named is not None
    assert named.certificate == first
    assert wallets.possession(key, bytes(32)) is None


def test_a_device_finds_its_possessions_again_page_by_page(storage: Storage) -> None:
    wallets = storage.wallets
    keys = [bytes([2]) + number.to_bytes(32, "big") for number in range(5)]
    for key in reversed(keys):
        wallets.keep_possession(OWN.device, key, key)
    wallets.keep_possession(OTHER.device, keys[0], b"other")
    pages = [list(wallets.possessions(OWN.device, after, 2)) for after in (b"", keys[1], keys[3], keys[4])]
    assert pages == [[(key, key) for key in keys[at : at + 2]] for at in (0, 2, 4)] + [[]]


def test_limits_get_a_number_when_they_change(chain: Chain) -> None:
    wallets = chain.storage.wallets
    strict = replace(LIMITS, payment=1)
    first = wallets.note_limits(LIMITS)
    assert wallets.note_limits(LIMITS) == first
    second = wallets.note_limits(strict)
    third = wallets.note_limits(LIMITS)
    assert first < second < third
    assert wallets.limits_since(first) == [LIMITS, strict, LIMITS]
    assert wallets.limits_since(second) == [strict, LIMITS]
    made = certified(certificate(chain, "k", 1), policy=second)
    assert wallets.certify(made, None)
    assert wallets.get(made.wallet) == made


# two writers


def test_who_has_read_that_a_key_is_new_certifies_nothing_once_another_has(
    chain: Chain, backend: Backend
) -> None:
    one, other = chain.storage.wallets, backend.open().wallets
    mine, theirs = certified(certificate(chain, "k", 1)), certified(certificate(chain, "k", 2), OTHER)
    assert (one.newest(mine.key), other.newest(mine.key)) == (None, None)
    assert other.certify(theirs, None)
    assert not one.certify(mine, None)
    assert one.holder(mine.key) == OTHER


def test_limits_that_two_note_in_turns_are_numbered_in_order(chain: Chain, backend: Backend) -> None:
    one, other = chain.storage.wallets, backend.open().wallets
    strict = replace(LIMITS, payment=1)
    numbers = [one.note_limits(LIMITS), other.note_limits(LIMITS), other.note_limits(strict)]
    assert numbers[0] == numbers[1] < numbers[2] < one.note_limits(LIMITS)


def test_writers_that_overlap_certify_each_key_once(chain: Chain, backend: Backend) -> None:
    writers = chain.storage, backend.open()
    made = {
        holder: [certified(certificate(chain, f"key {at}", 2 * at + place), holder) for at in range(20)]
        for place, holder in enumerate((OWN, OTHER))
    }

    def certify(writer: Storage, holder: Holder) -> list[bool]:
        return [writer.wallets.certify(one, None) for one in made[holder]]

    with ThreadPoolExecutor(2) as pool:
        mine, theirs = pool.map(certify, writers, made)
    assert [ours != other for ours, other in zip(mine, theirs, strict=True)] == [True] * 20
    holders = [writers[1].wallets.holder(one.key) for one in made[OWN]]
    assert holders == [OWN if ours else OTHER for ours in mine]
