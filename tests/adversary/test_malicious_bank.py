"""A bank that certifies the wallet id or the key of another bank's customer, and has it revoked, stops nobody else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from ledger_sync.bank.lines import CentralBankLine
from tests.support.audit import Audit
from tests.support.deals import refusal_of
from tests.support.memory_keystore import MemoryKeystore
from tests.support.system import CENTRAL_BANK, Holder, System
from tests.support.world import Key
from wallet.protocol import cose
from wallet.protocol.certificate import Certificate
from wallet.protocol.codes import Code
from wallet.protocol.cose import Signed
from wallet.protocol.evidence import Evidence
from wallet.protocol.payment import parse_payment
from wallet.protocol.policy import Reason

FUNDED = 2_000_000
SMALL = 50_000
HONEST, MALICIOUS = "alatau", "zhibek"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[System]:
    with System(tmp_path, "malicious bank") as system:
        yield system


def funded(world: System, name: str, bank: str) -> Holder:
    holder = world.holder(name, bank)
    holder.fund(FUNDED)
    return holder


def certificate_of(holder: Holder) -> Certificate:
    certificate = holder.wallet.reconciling.certificate
    assert certificate is not None
    return certificate.body


def certified(world: System, body: Certificate, **changes: object) -> Signed[Certificate]:
    """``body`` with changes, as the malicious bank signs whatever it likes."""
    keystore = world._homes[MALICIOUS].keystore
    forged = replace(body, bank=MALICIOUS, **changes)  # type: ignore[arg-type]
    return cose.sign(forged, lambda digest: keystore.sign_digest("bank", digest))


def revoke(
    world: System, by: str, certificate: Signed[Certificate], reason: Reason, evidence: Evidence | None = None
) -> None:
    """At the central bank, and known to every bank."""
    line = world.line(CENTRAL_BANK, cast(MemoryKeystore, world._homes[by].keystore), "bank")
    try:
        CentralBankLine(line).revoke([(certificate, reason)], evidence)
    finally:
        line.close()
    world.now += 120
    world.work()


def learn_policy(holder: Holder) -> None:
    """As by gossip: the policy is new, the certificate stays."""
    reconciling = holder.wallet.reconciling
    reconciling.take_policy(None, holder.bank_client.policy(reconciling.policy_version))


def signed_twice(cheat: Holder, under: Signed[Certificate]) -> Evidence:
    """Evidence against a wallet that has paid once, by another transfer of the same token."""
    (paid,) = cheat.signed.values()
    signer = cheat.wallet._purse.epochs.signer(under.body.key)
    evidence = Evidence.of(paid, cose.sign(replace(paid.body, payee=Key.of("any").public), signer), under)
    assert evidence is not None
    return evidence


@pytest.mark.parametrize(
    ("reason", "code"),
    [(Reason.LOST, Code.REVOKED_COUNTERPART), (Reason.CONFLICT, Code.REVOKED_CONFLICT)],
)
def test_a_bank_that_certifies_anothers_wallet_id_and_revokes_it_stops_its_own_wallet_only(
    world: System, reason: Reason, code: Code
) -> None:
    aliya, bolat = funded(world, "aliya", HONEST), world.holder("bolat", HONEST)
    mallory = funded(world, "mallory", MALICIOUS)
    hers = certificate_of(aliya)
    borrowed = certified(world, certificate_of(mallory), wallet=hers.wallet, expires=hers.expires + 1)
    mallory.wallet.reconciling.install_certificate(borrowed)
    with world.offline():
        assert mallory.pay(aliya, SMALL).code is None, "nobody knows better yet"
    evidence = signed_twice(mallory, borrowed) if reason is Reason.CONFLICT else None
    revoke(world, MALICIOUS, borrowed, reason, evidence)
    learn_policy(aliya)
    assert aliya.wallet._purse.authority.policy.revoked == {borrowed.body.revocation_id: reason}
    assert certificate_of(aliya).wallet == borrowed.body.wallet

    aliya.fund(SMALL)
    with world.offline():
        assert aliya.pay(bolat, 2 * SMALL).code is None, "she pays, and bolat knows what she knows"
        assert bolat.wallet.reconciling.policy_version == aliya.wallet.reconciling.policy_version == 1
        assert bolat.pay(aliya, SMALL).code is None, "she is paid"
        request = bolat.wallet.receiving.request(SMALL)
        assert bolat.wallet.receiving.receive(mallory.show(request)[1], request).code is code
        asked = mallory.wallet.receiving.request(SMALL)
        assert refusal_of(lambda: aliya.show(asked)) is code
    aliya.sync()
    world.settle_down()
    aliya.sync()
    assert (aliya.defund(SMALL), aliya.held) == (SMALL, FUNDED)
    assert aliya.wallet.balance().spendable == FUNDED
    Audit(world).blame()


def test_a_bank_that_certifies_anothers_key_is_not_believed_by_who_has_the_key(world: System) -> None:
    """Its certificate is good for whoever judges her transfers, so it comes back to her beside one of them."""
    aliya, mallory = funded(world, "aliya", HONEST), world.holder("mallory", MALICIOUS)
    hers = certificate_of(aliya)
    hijacked = certified(world, hers, wallet=bytes(16), issued=hers.issued, expires=hers.expires + 1)
    with world.offline():
        assert aliya.pay(mallory, 2 * SMALL).code is None
        request = aliya.wallet.receiving.request(SMALL)
        payment = parse_payment(mallory.show(request)[1])
        shown = tuple(hijacked if item.body.key == hers.key else item for item in payment.certificates)
        assert hijacked in shown
        raw = replace(payment, certificates=shown).encode()
        assert aliya.wallet.receiving.receive(raw, request).code is None
    assert certificate_of(aliya) == hers
    assert aliya.wallet.receiving.request(SMALL).body.payee.body == hers
    revoke(world, MALICIOUS, hijacked, Reason.LOST)
    learn_policy(aliya)
    with world.offline():
        assert aliya.pay(mallory, SMALL).code is None, "under her own bank's certificate"
    aliya.sync()
    assert aliya.wallet.balance().spendable == aliya.held == FUNDED - 2 * SMALL


def test_a_bank_has_no_wallet_of_another_bank_revoked(world: System) -> None:
    aliya = funded(world, "aliya", HONEST)
    hers = aliya.wallet.reconciling.certificate
    assert hers is not None
    resigned = replace(hers, signature=certified(world, hers.body).signature)
    for shown, code in ((hers, Code.AUTH_FORBIDDEN), (resigned, Code.CERTIFICATE_SIGNATURE)):
        assert refusal_of(lambda shown=shown: revoke(world, MALICIOUS, shown, Reason.LOST)) is code  # type: ignore[misc]
    learn_policy(aliya)
    assert aliya.wallet._purse.authority.policy.revoked == {}
