"""Signing and verifying never wait for a transaction, and no signature is verified twice."""

from __future__ import annotations

from pathlib import Path

from tests.ledger_sync.bank.network import LedgerNetwork
from tests.ledger_sync.bank.watched import watched


def test_a_watch_sees_what_is_signed_and_verified_and_whether_a_transaction_was_open(tmp_path: Path) -> None:
    net = LedgerNetwork(tmp_path)
    asel = net.customer("asel")
    node, watch = watched(net)
    certificate = asel.person.certificate
    key = node.context.key(asel.key)
    transfer = net.refresh(asel, asel.fund(5_000))
    (bank,) = node.context.trust.directory.bank_keys("alatau", net.now)
    assert transfer.signed_by(key)
    assert certificate.signed_by(bank)
    assert not certificate.signed_by(key)
    node.context.sign(certificate.body)
    assert (len(watch.signed), watch.count(transfer), watch.count(certificate)) == (1, 1, 2)
    assert watch.repeated() == {certificate.signature: 2}
    assert watch.inside == []
    with node.context.storage.unit.transaction():
        node.context.sign(certificate.body)
        assert transfer.signed_by(key)
    assert watch.inside == ["signed", "verified"]
    watch.forget()
    assert (watch.signed, watch.verified, watch.inside) == ([], [], [])
    net.close()
