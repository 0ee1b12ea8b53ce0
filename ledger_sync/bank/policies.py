"""Which limits of the policy a wallet had from this bank when it signed.

Rule: a certificate comes with the newest policy, and whoever signs under it has got both. So a payer is judged by the
certificate and by that policy or a later one, whichever is kindest: it may have heard of the later one, and no clock
says when. What it was given before that says nothing, for every later one replaces it.
"""

from __future__ import annotations

from ledger_sync.bank.house import House
from wallet.protocol import codec
from wallet.protocol.bounds import MAX_OBJECT_BYTES
from wallet.protocol.certificate import Certificate, Limits
from wallet.protocol.limits import effective


class Policies:
    """Notes the limits of policies as they change. Works within the caller's transaction, if there is one."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._store = house.store
        self._newest: tuple[int, Limits] | None = self._last()

    def _last(self) -> tuple[int, Limits] | None:
        row = self._store.row("select number, limits from policy_limits order by number desc limit 1")
        return None if row is None else (row[0], _limits(row[1]))

    def follow(self) -> None:
        """Note the newest policy's limits, where they have changed."""
        self.note(self._house.trust.policy.head.limits)

    def note(self, limits: Limits) -> int:
        """The number of these limits, the newest that were given; the same while they stay the same."""
        with self._store.transaction():
            if self._newest is None or self._newest[1] != limits:
                self._store.insert("policy_limits", limits=codec.encode(limits.to_cbor()))
                self._newest = self._last()
            assert self._newest is not None
            return self._newest[0]

    def allowed(self, certificate: Certificate) -> list[Limits]:
        """Each of the limits that a wallet may have gone by when it signed under ``certificate``."""
        given: int | None = self._store.value(
            "select policy from wallets where wallet = ? and key = ?", (certificate.wallet, certificate.key)
        )
        if given is None or certificate.bank != self._house.bank:
            return [certificate.limits]
        self.follow()
        rows = self._store.rows(
            "select limits from policy_limits where number >= ? order by number", (given,)
        )
        return [effective(certificate, _limits(row[0])) for row in rows]


def _limits(raw: bytes) -> Limits:
    return Limits.from_cbor(codec.decode(raw, MAX_OBJECT_BYTES))
