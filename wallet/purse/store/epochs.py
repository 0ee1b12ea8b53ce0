"""The purse's own keys: each epoch has one, named in the store before it is made in the keystore.

An old key still receives and redeems and, until its certificate expires, spends. A merchant's key is recertified
and kept, so that its printed codes stay good. Its certificates are those of a bank that this purse asked for one:
another bank can certify the key as well, and put that into somebody's payment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from hsm.failpoint import reach
from hsm.keystore import Keystore, KeystoreCode, KeystoreError
from wallet.protocol import codec
from wallet.protocol.certificate import Certificate, WalletKind
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.keys import Sign
from wallet.protocol.lifetime import is_good
from wallet.protocol.validity import choose_certificate
from wallet.purse.store.objects import Objects
from wallet.purse.store.store import DELIVERY_CURSOR, Store
from wallet.purse.store.words import SKEW

ALIAS_PREFIX: Final = "epoch-"
EXISTS: Final = "state IN ('made', 'certified', 'unclaimed')"
"""Of an epoch whose key is in the keystore."""
_BANKS: Final = "certified_by"
"""The fact that names the banks that certified this purse's keys when it asked them, encoded."""
_MAX_BANKS_BYTES: Final = 4_096


@dataclass(frozen=True, slots=True)
class EpochKey:
    """A key to be certified: ``key`` compressed P-256, ``total`` the running total (tiyn) to count from."""

    alias: str
    key: bytes
    total: int


class Epochs:
    """Keys and their certificates. Methods that write open their own transaction."""

    def __init__(
        self,
        store: Store,
        objects: Objects,
        keystore: Keystore,
        random: Callable[[int], bytes],
        now: Callable[[], int],
    ) -> None:
        self._store = store
        self._objects = objects
        self._keystore = keystore
        self._random = random
        self._now = now
        self._unseen: bytes | None = None
        """The key that was begun last, while nobody has been asked to certify it before."""

    def own(self) -> frozenset[bytes]:
        """Every key that was ever this purse's own, destroyed ones too."""
        rows = self._store.rows("SELECT key FROM epoch WHERE key IS NOT NULL")
        return frozenset(row["key"] for row in rows)

    def owns(self, key: bytes) -> bool:
        """Whether ``key`` (33 bytes) is one of this purse's own, of any epoch."""
        return self._store.value("SELECT 1 FROM epoch WHERE key = ?", key) is not None

    def can_sign(self, key: bytes) -> bool:
        """Whether it is an own key that still exists."""
        return self._store.value(f"SELECT 1 FROM epoch WHERE key = ? AND {EXISTS}", key) is not None

    def signer(self, key: bytes) -> Sign:
        """How to sign with an own key that still exists. NOT_CERTIFIED if it does not."""
        alias = self._store.value(f"SELECT alias FROM epoch WHERE key = ? AND {EXISTS}", key)
        if alias is None:
            raise Refusal(Code.NOT_CERTIFIED, {"key": key.hex()})
        return lambda message: self._keystore.sign(alias, message)

    def prove(self, epoch: EpochKey, message: bytes) -> bytes:
        """Sign with a key that is made and perhaps not certified yet."""
        return self._keystore.sign(epoch.alias, message)

    def current(self) -> Signed[Certificate] | None:
        """The newest certificate of the newest certified key, or None before the first. One that a wrong clock has
        dated ahead is passed over while there is another."""
        last = self._now() + SKEW
        newest: Signed[Certificate] | None = None
        for row in self._store.rows("SELECT key FROM epoch WHERE state = 'certified' ORDER BY number DESC"):
            certificates = self.certificates_of(row["key"])
            begun = [item for item in certificates if item.body.issued <= last]
            if begun:
                return max(begun, key=_age)
            newest = newest or max(certificates, key=_age, default=None)
        return newest

    def require_current(self, now: int) -> Signed[Certificate]:
        """NOT_CERTIFIED before the first reconciling, CERTIFICATE_EXPIRED when it is too long ago."""
        certificate = self.current()
        if certificate is None:
            raise Refusal(Code.NOT_CERTIFIED)
        expires = certificate.body.expires
        require(is_good(now, expires), Code.CERTIFICATE_EXPIRED, time=now, expires=expires)
        return certificate

    def certificate_for(self, key: bytes, time: int) -> Signed[Certificate] | None:
        """The certificate that a transfer of ``key`` at ``time`` is signed under, or None."""
        own = self.certificates_of(key)
        return choose_certificate(own, key, time) if own else None

    def certificates_of(self, key: bytes) -> tuple[Signed[Certificate], ...]:
        """The certificates of an own key that this purse goes by."""
        return tuple(item for item in self._objects.certificates_of(key) if self._is_by_ours(item))

    @property
    def has_asked(self) -> bool:
        """Whether this store knows of a bank that was asked to certify; one that was lost goes by whatever it is shown
        till then."""
        return bool(self._banks())

    def _is_by_ours(self, certificate: Signed[Certificate]) -> bool:
        """Whether a bank of ours gave it. A store that has asked none yet, for it was lost, takes all it is shown."""
        banks = self._banks()
        return not banks or certificate.body.bank in banks

    def _banks(self) -> frozenset[str]:
        raw = self._store.fact(_BANKS)
        return frozenset() if raw is None else frozenset(codec.decode(raw, _MAX_BANKS_BYTES))

    def begin(self, now: int, total: int, *, fresh_key: bool = False) -> EpochKey:
        """The key to certify next: an unfinished one, a merchant's own, or else a fresh one.

        ``anew`` makes a fresh one for a merchant too (its printed codes then end with the old certificate), and
        instead of one whose certificate the bank no longer gives (it was found in the keystore, and is too old).
        """
        self._unseen = None
        if fresh_key:
            with self._store.transaction():
                self._store.write("UPDATE epoch SET state = 'unclaimed' WHERE state = 'made'")
        current = self.current()
        unfinished = self._store.row(
            "SELECT number FROM epoch WHERE state IN ('begun', 'made') ORDER BY number DESC"
        )
        if unfinished is not None:
            return self._finish(unfinished["number"], total)
        if current is not None and current.body.kind is WalletKind.MERCHANT and not fresh_key:
            alias = self._store.value("SELECT alias FROM epoch WHERE key = ?", current.body.key)
            return EpochKey(alias, current.body.key, total)
        fresh = self._finish(self._name_next(now), total)
        self._unseen = fresh.key
        return fresh

    @property
    def is_one_unfinished(self) -> bool:
        """Whether an epoch was begun, and its key has no certificate yet."""
        return self._store.value("SELECT 1 FROM epoch WHERE state IN ('begun', 'made')") is not None

    def _name_next(self, now: int) -> int:
        number = int(self._store.value("SELECT max(number) FROM epoch") or 0) + 1
        alias = f"{ALIAS_PREFIX}{number}-{self._random(6).hex()}"
        with self._store.transaction():
            self._store.insert("epoch", number=number, alias=alias, state="begun", at=now)
        reach("purse.epoch.begun")
        return number

    def _finish(self, number: int, total: int) -> EpochKey:
        alias, key = tuple(self._store.row("SELECT alias, key FROM epoch WHERE number = ?", number) or ())
        if key is None:
            key = self._made(alias)
            reach("purse.epoch.created")
            with self._store.transaction():
                self._store.write("UPDATE epoch SET key = ?, state = 'made' WHERE number = ?", key, number)
            reach("purse.epoch.made")
        return EpochKey(alias, key, total)

    def _made(self, alias: str) -> bytes:
        try:
            return self._keystore.create_key(alias)
        except KeystoreError as error:
            if error.code is not KeystoreCode.ALIAS_EXISTS:
                raise
            return self._keystore.public_key(alias)

    def match(self, now: int) -> None:
        """At opening: the keys that exist are those that the keystore has, whatever the store says of them."""
        aliases = frozenset(alias for alias in self._keystore.aliases() if alias.startswith(ALIAS_PREFIX))
        self._miss(aliases)
        self._adopt(aliases, now)

    def _miss(self, aliases: frozenset[str]) -> None:
        """An older copy of the keystore lacks the newest keys: what they own waits for expiry and grace, as a lost
        phone's does. When they come back, it can be spent again."""
        rows = self._store.rows(f"SELECT number, alias, key FROM epoch WHERE {EXISTS}")
        missing = [row["number"] for row in rows if row["alias"] not in aliases]
        rows = self._store.rows("SELECT number, alias, key FROM epoch WHERE state = 'destroyed'")
        found = [row for row in rows if row["alias"] in aliases]
        if not missing and not found:
            return
        with self._store.transaction():
            for number in missing:
                self._store.write("UPDATE epoch SET state = 'destroyed' WHERE number = ?", number)
            for row in found:
                state = "certified" if self._objects.certificates_of(row["key"]) else "unclaimed"
                self._store.write("UPDATE epoch SET state = ? WHERE number = ?", state, row["number"])

    def _adopt(self, aliases: frozenset[str], now: int) -> None:
        """Keys in the keystore that the store does not know are its own all the same. The store was lost, or an older
        copy of it was put in place. What the ledger listed for them has to be listed again."""
        known = {row["alias"] for row in self._store.rows("SELECT alias FROM epoch")}
        unknown = sorted(aliases - known, key=_number)
        if not unknown:
            return
        found = [(alias, self._keystore.public_key(alias)) for alias in unknown]
        with self._store.transaction():
            self._store.clear_fact(DELIVERY_CURSOR)
            for alias, key in found:
                number = int(self._store.value("SELECT max(number) FROM epoch") or 0) + 1
                self._store.write(
                    "INSERT INTO epoch (number, alias, key, state, at) VALUES (?, ?, ?, 'made', ?)"
                    " ON CONFLICT (key) DO UPDATE SET alias = excluded.alias, state = excluded.state",
                    number,
                    alias,
                    key,
                    now,
                )

    def find(self, keys: Iterable[bytes], now: int) -> None:
        """Own keys that the store does not know and that the keystore no longer has: destroyed before the loss."""
        unknown = [key for key in keys if not self.owns(key)]
        if not unknown:
            return
        with self._store.transaction():
            self._store.clear_fact(DELIVERY_CURSOR)
            for key in unknown:
                number = int(self._store.value("SELECT max(number) FROM epoch") or 0) + 1
                alias = f"destroyed-{key.hex()}"
                self._store.insert(
                    "epoch",
                    number=number,
                    alias=alias,
                    key=key,
                    state="destroyed",
                    at=now,
                )

    def learn(self, certificate: Signed[Certificate]) -> None:
        """Inside a transaction: a certificate of ours that came with something else; others are passed over."""
        if self.can_sign(certificate.body.key) and self._is_by_ours(certificate):
            self._certified(certificate)

    def certified(self, certificate: Signed[Certificate]) -> bool:
        """Inside a transaction: the bank that we asked certified one of our keys; whether it did so just now, and did
        not give again what it had signed before. NOT_CERTIFIED for a key that is not ours."""
        is_first, self._unseen = certificate.body.key == self._unseen, None
        self._store.set_fact(_BANKS, codec.encode(sorted({*self._banks(), certificate.body.bank})))
        self._certified(certificate)
        return is_first

    def _certified(self, certificate: Signed[Certificate]) -> None:
        key = certificate.body.key
        self._objects.put_certificate(certificate)
        changed = self._store.write(f"UPDATE epoch SET state = 'certified' WHERE key = ? AND {EXISTS}", key)
        require(changed == 1, Code.NOT_CERTIFIED, key=key.hex())

    def destroy(self, key: bytes) -> None:
        """Mark, destroy, note: killed in between, opening goes on."""
        with self._store.transaction():
            self._store.write("UPDATE epoch SET state = 'retiring' WHERE key = ?", key)
        reach("purse.retire.marked")
        self.finish_destroying()

    def finish_destroying(self) -> None:
        for row in self._store.rows("SELECT number, alias FROM epoch WHERE state = 'retiring'"):
            self._keystore.destroy_key(row["alias"])
            reach("purse.retire.destroyed")
            with self._store.transaction():
                self._store.write("UPDATE epoch SET state = 'destroyed' WHERE number = ?", row["number"])


def _age(certificate: Signed[Certificate]) -> tuple[int, int, bytes]:
    body = certificate.body
    return body.issued, body.expires, certificate.id


def _number(alias: str) -> tuple[int, str]:
    number = alias.removeprefix(ALIAS_PREFIX).partition("-")[0]
    return int(number) if number.isdecimal() else 0, alias
