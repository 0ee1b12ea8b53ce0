"""What the central bank publishes, as a bank at a `CentralBankRig` asks for it; and revocations that it sends."""

from __future__ import annotations

from ledger_sync.central_bank.registry import POOL_SECONDS
from ledger_sync.service.policy_cache import MAX_DELTAS_ONLINE
from tests.ledger_sync.central_bank.rig import CentralBankRig
from tests.support.world import Person
from wallet.protocol.codec import Cbor
from wallet.protocol.directory import Directory, read_directory
from wallet.protocol.evidence import Evidence
from wallet.protocol.policy import Policy, PolicyUpdate, Reason, first_policy


def update(stand: CentralBankRig, since: int = 0) -> PolicyUpdate:
    return PolicyUpdate.from_cbor(stand.alatau.get("/v1/policy", {"since": since}), most=MAX_DELTAS_ONLINE)


def policy(stand: CentralBankRig) -> Policy:
    signed = read_directory(stand.alatau.get("/v1/directory"))
    now = update(stand)
    assert now.head is not None
    return first_policy(Directory.of(signed, stand.ledger.world.root.public), now.head, now.deltas)


def revoke(stand: CentralBankRig, *listed: tuple[Person, Reason], evidence: Evidence | None = None) -> int:
    """In a delta of its own: long enough after the last one."""
    stand.now = max(stand.now, stand.registry._published + POOL_SECONDS)
    (version,) = stand.alatau.post("/v1/revocations", body(*listed, evidence=evidence))
    return int(version)


def body(*listed: tuple[Person, Reason], evidence: Evidence | None = None) -> Cbor:
    wallets = [[person.possession().to_cbor(), int(reason)] for person, reason in listed]
    return [wallets, None if evidence is None else evidence.to_cbor()]


def double_spend(stand: CentralBankRig, cheat: Person) -> Evidence:
    bob, cid = stand.ledger.person("bob"), stand.ledger.person("cid")
    tokens = stand.fund(cheat, 500)
    one, other = stand.ledger.pay(cheat, tokens, bob, 500), stand.ledger.pay(cheat, tokens, cid, 400)
    transfers = stand.ledger.transfers
    evidence = Evidence.of(transfers[one[0].ref.txid], transfers[other[0].ref.txid], cheat.certificate)
    assert evidence is not None
    return evidence
