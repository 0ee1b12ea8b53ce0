"""What the central bank publishes, as a bank at a `CentralBankRig` asks for it; and revocations that it sends."""

from __future__ import annotations

from ledger_sync.central_bank.registry import POOL_SECONDS
from ledger_sync.service.delta_log import MAX_DELTAS_ONLINE
from tests.ledger_sync.central_bank.rig import CentralBankRig
from tests.support.world import Person
from wallet.protocol.codec import Cbor
from wallet.protocol.directory import Directory, read_directory
from wallet.protocol.evidence import Evidence
from wallet.protocol.policy import Policy, PolicyUpdate, Reason, first_policy


def update(rig: CentralBankRig, since: int = 0) -> PolicyUpdate:
    return PolicyUpdate.from_cbor(rig.alatau.get("/v1/policy", {"since": since}), most=MAX_DELTAS_ONLINE)


def policy(rig: CentralBankRig) -> Policy:
    signed = read_directory(rig.alatau.get("/v1/directory"))
    now = update(rig)
    assert now.head is not None
    return first_policy(Directory.of(signed, rig.ledger.world.root.public), now.head, now.deltas)


def revoke(rig: CentralBankRig, *listed: tuple[Person, Reason], evidence: Evidence | None = None) -> int:
    """In a delta of its own: long enough after the last one."""
    rig.now = max(rig.now, rig.registry._published + POOL_SECONDS)
    (version,) = rig.alatau.post("/v1/revocations", body(*listed, evidence=evidence))
    return int(version)


def body(*listed: tuple[Person, Reason], evidence: Evidence | None = None) -> Cbor:
    wallets = [[person.possession().to_cbor(), int(reason)] for person, reason in listed]
    return [wallets, None if evidence is None else evidence.to_cbor()]


def double_spend(rig: CentralBankRig, cheat: Person) -> Evidence:
    bob, cid = rig.ledger.person("bob"), rig.ledger.person("cid")
    tokens = rig.fund(cheat, 500)
    one, other = rig.ledger.pay(cheat, tokens, bob, 500), rig.ledger.pay(cheat, tokens, cid, 400)
    transfers = rig.ledger.transfers
    evidence = Evidence.of(transfers[one[0].ref.txid], transfers[other[0].ref.txid], cheat.certificate)
    assert evidence is not None
    return evidence
