"""Recalling: a bank that was put back from a backup no longer knows the last of what it answered.

Rule: before a wallet brings anything new, it asks for what the bank answered last: for the last two verdicts, and for
those since it last did so, which others can't all have shown the bank again. What the bank does not know of them, and
of those before, is uploaded again, and the keys that it no longer knows are certified again first, so that it learns
whose they are. A bank that does not know the others, or how far it had told, is asked for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from ledger_sync.client.bank import ASKED_AT_ONCE, BankClient
from ledger_sync.client.timing import take_policy
from ledger_sync.possession import possession_message
from wallet.protocol.bundle import Bundle
from wallet.protocol.codes import Code, Refusal
from wallet.protocol.evidence import Evidence
from wallet.purse.store.epochs import EpochKey
from wallet.purse.sync.reconciling import Reconciling

_NEWEST: Final = 2
_ROUNDS: Final = 1_000
_PIECES: Final = 8
"""Of evidence that are shown at once."""


def forgotten(purse: Reconciling, bank: BankClient, *, is_sure: bool = False) -> frozenset[bytes]:
    """The transfers that have a verdict here and that the bank knows nothing of, from the newest back to those that
    it knows; all there are where it ``is_sure`` that the bank has forgotten something. Raises ``RemoteRefusal``,
    ``NoAnswer``."""
    recalling = purse.recalling
    newest = [item.txid for item in recalling.answered(None, _NEWEST)]
    unknown = _unknown(bank, list(dict.fromkeys((*newest, *recalling.samples()))))
    is_all = is_sure or not unknown <= set(newest)
    return unknown | _walk(purse, bank, is_all=is_all) if unknown or is_all else unknown


def _walk(purse: Reconciling, bank: BankClient, *, is_all: bool) -> frozenset[bytes]:
    """As `forgotten`; ``is_all``: past those that the bank knows."""
    found: set[bytes] = set()
    before = None
    for _ in range(_ROUNDS):
        page = purse.recalling.answered(before, ASKED_AT_ONCE)
        unknown = _unknown(bank, [item.txid for item in page])
        if not page or not (unknown or is_all):
            break
        found |= unknown
        before = page[-1].position
    return frozenset(found)


def _unknown(bank: BankClient, txids: Sequence[bytes]) -> frozenset[bytes]:
    """Those of which the bank tells no verdict. What did not fit into its answer is asked for again."""
    left = list(txids)
    while left:
        told = {row.transfer for row in bank.verdicts(left) if row.settlement is not None}
        if not told:
            break
        left = [txid for txid in left if txid not in told]
    return frozenset(left)


def certify_again(purse: Reconciling, bank: BankClient) -> int:
    """Number of keys that the bank no longer knew and has certified again.

    Raises ``RemoteRefusal``, ``NoAnswer`` and ``Refusal`` from ``BankClient.certify``.
    """
    known = frozenset(bank.own_keys())
    lost = [epoch for epoch in purse.recalling.certified_keys() if epoch.key not in known]
    for epoch in lost:
        certify_key(purse, bank, epoch)
    return len(lost)


def show_evidence(held: Sequence[Evidence], bank: BankClient) -> None:
    """Show what this wallet can prove, so that the bank can say again of a conflict what it once said. What the bank
    answers of others' transfers is nothing to the purse. Raises ``RemoteRefusal``, ``NoAnswer``."""
    for start in range(0, len(held), _PIECES):
        part = held[start : start + _PIECES]
        transfers = {item.id: item for piece in part for item in (piece.first, piece.second)}
        certificates = {piece.certificate.id: piece.certificate for piece in part}
        bank.upload(Bundle(tuple(transfers.values()), (), tuple(certificates.values()), ()))


def certify_key(purse: Reconciling, bank: BankClient, epoch: EpochKey) -> None:
    """Have this key certified, and keep the certificate. Raises ``RemoteRefusal``, ``NoAnswer``, ``Refusal``."""
    proof = purse.prove_possession(epoch, possession_message(bank.bank, bank.device_key))
    certified = bank.certify(epoch.key, epoch.total, proof, purse.policy_version)
    try:
        purse.take_policy(certified.directory, certified.update)
    except Refusal as refusal:
        if refusal.code is not Code.DIRECTORY_SIGNATURE or not purse.take_handovers(bank.handovers()):
            raise
        purse.take_policy(certified.directory, certified.update)
    if certified.update.head is None:
        take_policy(purse, bank)
    purse.install_certificate(certified.certificate)
