"""The revocations' contract: one for each reason, listed once by case, and again where that is forgotten."""

from __future__ import annotations

import pytest

from ledger_sync.bank.ports.revocations import Case, Revocation, name_of
from ledger_sync.bank.ports.storage import Storage
from ledger_sync.bank.ports.wallets import Certified, Holder
from tests.ledger_sync.bank.contracts.chain import DEVICE, Chain, enter
from tests.ledger_sync.bank.contracts.conftest import Backend
from tests.support.world import DAY, NOW
from wallet.protocol.evidence import Evidence
from wallet.protocol.policy import Reason
from wallet.protocol.transfer import ToAccount

WALLETS = [number.to_bytes(16, "big") for number in range(4)]
ALL = 10
"""More than there are."""


@pytest.fixture
def chain(storage: Storage) -> Chain:
    """With a customer's four wallet ids, certified a day after each other."""
    chain = Chain(storage)
    holder = Holder(enter(storage), DEVICE)
    for number, wallet in enumerate(WALLETS):
        issued = NOW + number * DAY
        person = chain.world.person(f"key {number}", wallet=wallet, issued=issued)
        body, signed = person.certificate.body, person.certificate
        with storage.unit.transaction():
            chain.objects.certificates.add(signed)
        storage.wallets.certify(Certified(wallet, body.key, holder, signed.id, issued, body.expires), None)
    return chain


def evidence(chain: Chain) -> Evidence:
    """The first payer has spent its token twice."""
    payer, token = chain.people[0], chain.tokens[0]
    other = chain.pay(payer, token, chain.world.redemption.public, token.amount, ToAccount(), "waiting")
    found = Evidence.of(chain.transfers[0], other, payer.certificate)
    assert found is not None
    return found


def of(chain: Chain) -> str:
    return enter(chain.storage)


def test_a_wallet_id_is_revoked_once_for_each_reason(chain: Chain, backend: Backend) -> None:
    revocations, other = chain.storage.revocations, backend.open().revocations
    account = of(chain)
    assert revocations.reasons(WALLETS[0]) == frozenset()
    assert revocations.add(WALLETS[0], account, Reason.LOST, None, NOW)
    assert not other.add(WALLETS[0], account, Reason.LOST, None, NOW + 1)
    assert other.add(WALLETS[0], account, Reason.CONFLICT, None, NOW + 2)
    assert revocations.add(WALLETS[1], account, Reason.LIMITS, None, NOW)
    assert revocations.reasons(WALLETS[0]) == {Reason.LOST, Reason.CONFLICT}
    found = revocations.of_account(account)
    assert {(one.wallet, one.reason, one.version) for one in found} == {
        (WALLETS[0], Reason.LOST, None),
        (WALLETS[0], Reason.CONFLICT, None),
        (WALLETS[1], Reason.LIMITS, None),
    }
    assert revocations.of_account("b" * 32) == []


def test_losses_are_counted_by_their_times(chain: Chain) -> None:
    revocations, account = chain.storage.revocations, of(chain)
    for wallet, time in zip(WALLETS, (NOW, NOW, NOW + 5, NOW + 9), strict=True):
        revocations.add(wallet, account, Reason.LOST, None, time)
    revocations.add(WALLETS[0], account, Reason.CONFLICT, None, NOW + 50)
    assert [revocations.count_losses(account, since) for since in (NOW - 1, NOW, NOW + 5, NOW + 9)] == [
        3,
        2,
        1,
        0,
    ]


def test_evidence_is_kept_once_by_its_name(chain: Chain) -> None:
    revocations, found = chain.storage.revocations, evidence(chain)
    assert revocations.evidence(name_of(found)) is None
    assert revocations.keep(found) == revocations.keep(found) == name_of(found)
    assert revocations.evidence(name_of(found)) == found


def test_each_case_is_listed_apart_and_what_was_certified_later_waits(chain: Chain) -> None:
    revocations, account = chain.storage.revocations, of(chain)
    proved, lost = Case(revocations.keep(evidence(chain))), Case(account=account)
    revocations.add(WALLETS[0], account, Reason.CONFLICT, proved.evidence, NOW)
    for wallet in WALLETS[1:]:
        revocations.add(wallet, account, Reason.LOST, None, NOW)
    assert revocations.unlisted(proved, NOW, ALL) == [Revocation(WALLETS[0], Reason.CONFLICT, None)]
    assert {one.wallet for one in revocations.unlisted(lost, NOW + 2 * DAY, ALL)} == {*WALLETS[1:3]}
    assert len(revocations.unlisted(lost, NOW + 2 * DAY, 1)) == 1
    assert (revocations.count_unlisted(lost), revocations.count_unlisted(Case(account="b" * 32))) == (3, 0)
    assert revocations.listed(revocations.unlisted(lost, NOW + 2 * DAY, ALL), 7) == 2
    assert revocations.unlisted(lost, NOW + 2 * DAY, ALL) == []
    assert (revocations.count_unlisted(lost), revocations.count_unlisted(proved)) == (1, 1)


def test_what_a_forgotten_version_listed_is_to_be_listed_again(chain: Chain) -> None:
    revocations, account = chain.storage.revocations, of(chain)
    proved, lost = Case(revocations.keep(evidence(chain))), Case(account=account)
    revocations.add(WALLETS[0], account, Reason.CONFLICT, proved.evidence, NOW)
    revocations.add(WALLETS[1], account, Reason.LOST, None, NOW)
    revocations.listed(revocations.unlisted(proved, NOW, ALL), 3)
    revocations.listed(revocations.unlisted(lost, NOW + DAY, ALL), 4)
    assert revocations.forgotten(4) == []
    assert revocations.forgotten(3) == [lost]
    assert (revocations.count_unlisted(lost), revocations.count_unlisted(proved)) == (1, 0)
    assert revocations.forgotten(2) == [proved]
    assert [case.name for case in (proved, lost)] == [proved.evidence, account.encode()]


def test_one_of_two_that_list_the_same_says_so(chain: Chain, backend: Backend) -> None:
    one, other = chain.storage.revocations, backend.open().revocations
    account = of(chain)
    case = Case(account=account)
    one.add(WALLETS[0], account, Reason.LOST, None, NOW)
    found = one.unlisted(case, NOW, ALL), other.unlisted(case, NOW, ALL)
    assert found[0] == found[1]
    assert (other.listed(found[1], 5), one.listed(found[0], 6)) == (1, 0)
    assert [revocation.version for revocation in one.of_account(account)] == [5]
