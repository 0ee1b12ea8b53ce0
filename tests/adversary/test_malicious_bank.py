"""A bank that certifies the wallet id or the key of another bank's customer stops nobody, and gets nobody's money."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from ledger_sync.bank.peers import BankClients, CentralBankClient
from ledger_sync.bank.sql.archive import SqlArchive
from ledger_sync.bank.sql.storage import SCHEMA
from ledger_sync.database.sqlite import SqliteStore
from ledger_sync.possession import Possession
from ledger_sync.sandbox.in_process import CENTRAL_BANK
from tests.support.audit import Audit
from tests.support.deals import refusal_of
from tests.support.holders import Holder
from tests.support.system import BANKS, OPENING, System
from tests.support.world import DAY, Key
from wallet.protocol import cose
from wallet.protocol.bundle import Bundle
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
    forged = replace(body, bank=MALICIOUS, **changes)  # type: ignore[arg-type]
    return cose.sign(forged, world.network.signer(MALICIOUS, "bank").sign)


def revoke(
    world: System, by: str, certificate: Signed[Certificate], reason: Reason, evidence: Evidence | None = None
) -> None:
    """At the central bank, and known to every bank. The proof of possession is whichever the key ever signed."""
    line = world.network.line(by, CENTRAL_BANK, world.network.signer(by, "bank"))
    shown = Possession(certificate, *proof_of(world, certificate.body.key))
    CentralBankClient(line).revoke([(shown, reason)], evidence)
    world.now += 120
    world.network.work()


def proof_of(world: System, key: bytes) -> tuple[bytes, bytes]:
    """The device, and what ``key`` signed for it and for some bank."""
    sql = "select device, proof from possessions where key = ?"
    ((device, proof),) = {row for bank in world.banks for row in world.rows(bank, sql, key)}
    return device, proof


def adopt(world: System, victim: Holder, mallory: Holder) -> Signed[Certificate]:
    """The malicious bank certifies the victim's key for longer than her own bank did, writes into its books that the
    key is mallory's, with all that her own bank has to show for it, and tells everybody of its certificate."""
    hers = certificate_of(victim)
    hijacked = certified(world, hers, wallet=bytes(16), expires=hers.expires + 1)
    body, (device, proof) = hijacked.body, proof_of(world, hers.key)
    world.network.stop(MALICIOUS)
    store = SqliteStore(world.folder / MALICIOUS / "bank.db", SCHEMA)
    objects = SqlArchive(store)
    store.insert("devices", key=device, customer=mallory.account, since=body.issued)
    objects.certificates.add(hijacked)
    store.insert(
        "wallets",
        wallet=body.wallet,
        key=body.key,
        customer=mallory.account,
        device=device,
        certificate=hijacked.id,
        issued=body.issued,
        expires=body.expires,
    )
    store.insert("possessions", device=device, key=body.key, proof=proof)
    objects.unspent.certified(body.key)
    store.close()
    world.network.start(MALICIOUS)
    for bank in world.banks:
        if bank != MALICIOUS:
            tell(world, bank, hijacked)
    return hijacked


def tell(world: System, bank: str, certificate: Signed[Certificate]) -> None:
    line = world.network.line(MALICIOUS, bank, world.network.signer(MALICIOUS, "bank"))
    BankClients({bank: line}).relay(bank, Bundle(certificates=(certificate,)))


def position(world: System, bank: str) -> int:
    """Tiyn of a bank at the central bank."""
    return int(dict(world.operate(CENTRAL_BANK, "/v1/books")[3])[bank])


def rounds(world: System, *names: str) -> None:
    """Some rounds of these services' workers, with time enough for every pause."""
    for _ in range(4):
        world.now += 40
        world.network.work(*names)


def open_kinds(world: System) -> set[tuple[str, str, str | None]]:
    """What banks have to do, and how it was answered last."""
    return {(bank, kind, code) for bank, kind, *_, code in world.open_work()}


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
    with world.network.offline():
        assert mallory.pay(aliya, SMALL).code is None, "nobody knows better yet"
    evidence = signed_twice(mallory, borrowed) if reason is Reason.CONFLICT else None
    revoke(world, MALICIOUS, borrowed, reason, evidence)
    learn_policy(aliya)
    assert aliya.wallet._purse.authority.policy.revoked == {borrowed.body.revocation_id: reason}
    assert certificate_of(aliya).wallet == borrowed.body.wallet

    aliya.fund(SMALL)
    with world.network.offline():
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
    audit = Audit(world)
    audit.cheats.add(mallory.account)  # of that bank, whose wallet it revoked
    audit.blame()


def test_a_bank_that_certifies_anothers_key_is_not_believed_by_who_has_the_key(world: System) -> None:
    """Its certificate is good for whoever judges her transfers, so it comes back to her beside one of them."""
    aliya, mallory = funded(world, "aliya", HONEST), world.holder("mallory", MALICIOUS)
    hers = certificate_of(aliya)
    hijacked = certified(world, hers, wallet=bytes(16), issued=hers.issued, expires=hers.expires + 1)
    with world.network.offline():
        assert aliya.pay(mallory, 2 * SMALL).code is None
        request = aliya.wallet.receiving.request(SMALL)
        payment = parse_payment(mallory.show(request)[1])
        shown = tuple(hijacked if item.body.key == hers.key else item for item in payment.certificates)
        assert hijacked in shown
        raw = replace(payment, certificates=shown).encode()
        assert aliya.wallet.receiving.receive(raw, request).code is None
    assert certificate_of(aliya) == hers
    assert aliya.wallet.receiving.request(SMALL).body.payee.body == hers
    assert refusal_of(lambda: revoke(world, MALICIOUS, hijacked, Reason.LOST)) is Code.KEY_INVALID
    learn_policy(aliya)
    assert aliya.wallet._purse.authority.policy.revoked == {}
    with world.network.offline():
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


# a bank that has certified another bank's customer's key, and says so to everybody


def test_an_expired_token_is_refunded_to_a_bank_that_its_owner_wanted(world: System) -> None:
    aliya, mallory = funded(world, "aliya", HONEST), world.holder("mallory", MALICIOUS)
    assert aliya.pay(mallory, 2 * SMALL).code is None
    mallory.sync()
    assert mallory.defund(2 * SMALL) == 2 * SMALL
    rounds(world)
    adopt(world, aliya, mallory)
    before = position(world, MALICIOUS)
    world.now += 200 * DAY
    rounds(world, MALICIOUS)
    assert (MALICIOUS, "refund", Code.KEY_INVALID.value) in open_kinds(world)
    assert position(world, MALICIOUS) == before
    rounds(world)
    assert aliya.account_balance() == OPENING - 2 * SMALL
    assert position(world, MALICIOUS) == before


def test_a_defunding_is_paid_to_a_bank_that_its_signer_wanted(world: System) -> None:
    aliya, mallory = funded(world, "aliya", HONEST), world.holder("mallory", MALICIOUS)
    adopt(world, aliya, mallory)
    before = position(world, MALICIOUS)
    with world.network.offline(CENTRAL_BANK):
        assert aliya.defund(FUNDED) == 0, "the notary has it, and nobody is paid yet"
        world.network.work(HONEST)
    rounds(world, MALICIOUS)
    assert (MALICIOUS, "redeem", Code.KEY_INVALID.value) in open_kinds(world)
    assert position(world, MALICIOUS) == before
    rounds(world)
    assert aliya.account_balance() == OPENING
    assert (mallory.account_balance(), position(world, MALICIOUS)) == (OPENING, before)


def test_a_refresh_is_led_astray_by_no_bank_that_its_signer_did_not_want(world: System) -> None:
    aliya, mallory = funded(world, "aliya", HONEST), world.holder("mallory", MALICIOUS)
    hijacked = adopt(world, aliya, mallory)
    before = position(world, MALICIOUS)
    assert refusal_of(lambda: revoke(world, MALICIOUS, hijacked, Reason.LOST)) is Code.KEY_INVALID
    mallory.bank_client.report_loss()
    rounds(world)
    assert (MALICIOUS, "revoke", Code.KEY_INVALID.value) in open_kinds(world)
    world.now += DAY
    assert aliya.sync().refreshed == FUNDED
    rounds(world)
    assert certificate_of(aliya).key != hijacked.body.key
    assert aliya.wallet.balance().spendable == aliya.held == FUNDED
    assert position(world, MALICIOUS) == before


def test_a_banks_certificate_leads_nothing_away_from_the_bank_of_the_keys_holder(tmp_path: Path) -> None:
    """What is paid to her and what she has signed comes to her bank, also where the other's certificate was long
    known when hers came."""
    hers = "altyn"
    with System(tmp_path, "malicious bank", banks=(*BANKS, hers)) as world:
        aliya, mallory = funded(world, "aliya", hers), world.holder("mallory", MALICIOUS)
        bolat = funded(world, "bolat", HONEST)
        adopt(world, aliya, mallory)
        with world.network.offline():
            bolat.pay_unseen(aliya, 3 * SMALL)
        (unseen,) = bolat.signed
        bolat.bank_client.upload(replace(bolat.wallet.reconciling.uploads.next(), requests=()))
        rounds(world, HONEST)
        assert unseen in known(world, MALICIOUS) - known(world, hers), (
            "nobody but mallory's bank says who she is"
        )
        with world.network.offline():
            request = bolat.wallet.receiving.request(SMALL)
            _, raw = aliya.show(request)
            assert bolat.wallet.receiving.receive(raw, request).code is None
        bolat.sync()
        rounds(world, HONEST)
        signed = {unseen, *aliya.signed}
        assert signed <= known(world, hers)
        assert signed <= known(world, MALICIOUS), "nobody can say who of them is right"
        aliya.sync()
        assert aliya.held == FUNDED + 2 * SMALL
        Audit(world).blame()


def known(world: System, bank: str) -> set[bytes]:
    return {txid for (txid,) in world.rows(bank, "select transfer from copies")}


def test_a_cheat_is_revoked_by_its_bank_whoever_else_has_certified_it(world: System) -> None:
    cheat, mallory = funded(world, "cheat", HONEST), world.holder("mallory", MALICIOUS)
    adopt(world, cheat, mallory)
    bolat, chen = world.holder("bolat", HONEST), world.holder("chen", HONEST)
    own = certificate_of(cheat)
    backup = cheat.snapshot()
    clone = cheat.clone(backup, "clone")
    with world.network.offline():
        assert cheat.pay(bolat, SMALL).code is None
        assert clone.pay(chen, SMALL).code is None
    bolat.sync()
    chen.sync()
    rounds(world, HONEST)
    assert not [row for row in open_kinds(world) if row[:2] == (HONEST, "revoke")]
    learn_policy(chen)
    revoked = chen.wallet._purse.authority.policy.revoked
    assert revoked[own.revocation_id] is Reason.CONFLICT
    assert set(revoked.values()) == {Reason.CONFLICT}, "and the id that the other bank gave the same key"
