"""The keystore port over a PKCS#11 token.

Rule: what was answered is on disk. A key being made is noted before and un-noted after, so that a crash
leaves either a whole key or a note by which the next opening sweeps it away; a key being destroyed is
noted alike, so that nothing is ever destroyed because a search did not find its other half. A record is
written over the one before its predecessor (`hsm.token_record`). A PIN change is prepared in full, made in
the token, then adopted. The PIN is confirmed against our verifier; C_Login happens when the keystore is opened, and
again after a failure below the module (`hsm.login`): then what was asked is done once more, each of
these verbs being such that again is the same. Where other processes have the token open too, all that writes in it
is done in turn (`hsm.turn`), and the PIN stays as they know it.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from hsm import health
from hsm.critical import critical
from hsm.durable import storage
from hsm.entrance import Entrance, Parts
from hsm.failpoint import reach
from hsm.folder import Settings
from hsm.keystore import (
    KeystoreCode,
    KeystoreError,
    Record,
    SessionLost,
    check_alias,
    check_order,
    digest_of,
    low_s,
)
from hsm.login import Login
from hsm.pin import SALT_BYTES, PinKeys, check_fit, derive
from hsm.pkcs11_store import Carrier
from hsm.running import leave
from hsm.token_keys import SELF_CHECK_DIGEST, TokenKey, agrees, whole_keys
from hsm.token_record import Kept, encode_record, newest_of

T = TypeVar("T")


class TokenKeystore:
    """A `hsm.Keystore` over one PKCS#11 token. Made by `hsm.open_keystore`; safe for threads."""

    def __init__(self, entrance: Entrance, login: Login) -> None:
        parts = Parts(entrance, login)
        self._parts: Parts | None = parts
        self._settings = login.settings
        self._process = os.getpid()
        self._pin_lock = threading.Lock()
        self._keys: dict[str, TokenKey] = {}
        self._kept: Kept | None = None
        self._seen: Record | None = None
        with critical(), storage():
            for name in parts.folder.in_making():
                self._sweep_key(parts, name)
            self._keys = whole_keys(parts)
            self._newest(parts)
            health.check_descriptors(parts.folder.path)

    def __repr__(self) -> str:
        return f"TokenKeystore({self._settings.label!r}, {'locked' if self._parts is None else 'open'})"

    def create_key(self, alias: str) -> bytes:
        name = check_alias(alias)

        def work(parts: Parts) -> bytes:
            if parts.folder.is_in_making(name):
                self._sweep_key(parts, name)
            if name in self._keys or parts.session.has_private(name.encode()):
                raise KeystoreError(KeystoreCode.ALIAS_EXISTS, {"alias": name})
            parts.folder.begin_making(name)
            reach("keystore.create.noted")
            key = self._make(parts, name)
            parts.folder.end_making(name)
            reach("keystore.create.done")
            self._keys[name] = key
            return key.public

        return self._do(work)

    def public_key(self, alias: str) -> bytes:
        with critical(), storage():
            return self._key(self._open_parts(), alias).public

    def aliases(self) -> frozenset[str]:
        with critical(), storage():
            self._find_new(self._open_parts())
            return frozenset(self._keys)

    def sign(self, alias: str, message: bytes) -> bytes:
        digest = digest_of(message)

        def work(parts: Parts) -> bytes:
            return low_s(parts.session.sign(self._key(parts, alias).private, digest))

        signature = self._do(work, writes=False)
        reach("keystore.sign.done")
        return signature

    def destroy_key(self, alias: str) -> None:
        name = check_alias(alias)

        def work(parts: Parts) -> None:
            parts.folder.begin_making(name)
            reach("keystore.destroy.noted")
            is_there = self._keys.pop(name, None) is not None
            parts.session.destroy(name.encode(), is_there=is_there)
            reach("keystore.destroy.destroyed")
            parts.upkeep.settle_removed()
            parts.folder.end_making(name)
            reach("keystore.destroy.done")

        self._do(work)

    def read_record(self) -> Record | None:
        def work(parts: Parts) -> Record | None:
            kept = self._newest(parts)
            return kept.record if kept else None

        return self._do(work)

    def write_record(self, record: Record) -> None:
        def work(parts: Parts) -> None:
            old = self._newest(parts)
            check_order(old.record if old else None, record)
            if old is not None and old.record == record:
                parts.upkeep.settle_all()
                return
            self._kept = None
            carrier = self._carry(parts, old, encode_record(record))
            parts.upkeep.settle()
            reach("keystore.record.synced")
            if old is not None and not old.carrier.is_lasting:
                parts.session.drop_carrier(old.carrier)
            self._keep(Kept(record, carrier, old.carrier if old and old.carrier.is_lasting else None))

        self._do(work)

    def _carry(self, parts: Parts, old: Kept | None, body: bytes) -> Carrier:
        if old is None or old.spare is None:
            carrier = parts.session.add_carrier(body)
            reach("keystore.record.created")
        else:
            carrier = parts.session.rewrite_carrier(old.spare, body)
            reach("keystore.record.rewritten")
        return carrier

    def confirm_pin(self, pin: str) -> None:
        with self._pin_lock, storage():
            self._check_pin(self._open_parts(), pin)

    def change_pin(self, old: str, new: str) -> None:
        check_fit(new)
        if self._open_parts().entrance.turn.is_shared:
            raise KeystoreError(KeystoreCode.IN_USE, {"what": "PIN"})
        with self._pin_lock, storage():
            self._do(_require_no_change_begun)
            parts = self._open_parts()
            present = self._check_pin(parts, old)
            salt = parts.entrance.random(SALT_BYTES)
            wanted = derive(new, salt, self._settings.cost)
            settings = replace(self._settings, salt=salt, verifier=wanted.verifier)
            try:
                self._change_pin(present, settings, wanted)
            except SessionLost:
                if not self._has_become(settings):
                    self._change_pin(present, settings, wanted)
            except (KeystoreError, OSError):
                if not self._has_become(settings):
                    raise

    def _has_become(self, settings: Settings) -> bool:
        """After a change of the PIN that failed half-way: whether the new one holds."""
        with contextlib.suppress(KeystoreError):
            self._do(_require_no_change_begun)
        return self._settings == settings

    def _change_pin(self, present: PinKeys, settings: Settings, wanted: PinKeys) -> None:
        with critical():
            parts = self._open_parts()
            parts.folder.prepare_next(settings)
            parts.login.offer(present, settings, wanted)
            parts.session.set_pin(present.pkcs11_pin, wanted.pkcs11_pin)
            reach("keystore.pin.set")
            parts.upkeep.pin_changed()
            reach("keystore.pin.backed-up")
            parts.folder.adopt_next()
            reach("keystore.pin.adopted")
            parts.login.adopt(settings, wanted)
            self._settings = settings

    def lock(self) -> None:
        if os.getpid() != self._process:
            return
        with critical():
            parts, self._parts = self._parts, None
            self._keys.clear()
            self._kept = None
            if parts is None:
                return
            try:
                parts.login.close()
            finally:
                try:
                    leave(parts.entrance.running)
                finally:
                    os.close(parts.entrance.descriptor)

    def _do(self, work: Callable[[Parts], T], *, writes: bool = True) -> T:
        """`work`, and once more after a failure below the module, the login made again in between. In turn, unless
        nothing `writes` in the token."""
        self._open_parts()
        with critical(), storage():
            parts = self._open_parts()
            turn = parts.entrance.turn
            try:
                with turn.taken() if writes else contextlib.nullcontext():
                    return self._did(parts, work(parts))
            except SessionLost:
                with turn.taken():
                    return self._do_again(parts, work)

    def _do_again(self, parts: Parts, work: Callable[[Parts], T]) -> T:
        parts.login.renew()
        try:
            self._find_again(parts)
            return self._did(parts, work(parts))
        except SessionLost as error:
            parts.login.failed(error)
            raise

    def _did(self, parts: Parts, answer: T) -> T:
        parts.login.worked()
        return answer

    def _find_again(self, parts: Parts) -> None:
        """After a new login: every key that was here is here, else the token is not to be believed yet."""
        self._kept = None
        if parts.folder.next_settings() is not None:
            parts.login.settle_offers()
            self._settings = parts.login.settings
        found = whole_keys(parts)
        if not self._keys.keys() <= found.keys():
            raise SessionLost(KeystoreCode.TOKEN_FAULT, {"cause": "keys not found again"})
        self._keys = found

    def _find_new(self, parts: Parts) -> None:
        """What other processes have made meanwhile."""
        if parts.entrance.turn.is_shared:
            self._keys = {**whole_keys(parts), **self._keys}

    def _open_parts(self) -> Parts:
        parts = self._parts
        if parts is None or os.getpid() != self._process:
            raise KeystoreError(KeystoreCode.LOCKED)
        return parts

    def _key(self, parts: Parts, alias: str) -> TokenKey:
        """KEY_UNKNOWN."""
        if alias not in self._keys:
            self._find_new(parts)
        try:
            return self._keys[alias]
        except KeyError:
            raise KeystoreError(KeystoreCode.KEY_UNKNOWN, {"alias": check_alias(alias)}) from None

    def _check_pin(self, parts: Parts, pin: str) -> PinKeys:
        parts.entrance.counter.begin()
        keys = derive(pin, self._settings.salt, self._settings.cost)
        if not hmac.compare_digest(keys.verifier, self._settings.verifier):
            raise parts.entrance.counter.wrong()
        parts.entrance.counter.right()
        return keys

    def _make(self, parts: Parts, name: str) -> TokenKey:
        parts.session.destroy_public(name.encode())  # of a destruction cut off before these were noted
        private, public = parts.session.generate(name.encode())
        reach("keystore.create.made")
        parts.upkeep.settle()
        reach("keystore.create.synced")
        if not agrees(public, parts.session.sign(private, SELF_CHECK_DIGEST)):
            raise KeystoreError(KeystoreCode.TOKEN_FAULT, {"cause": "key pair does not agree"})
        return TokenKey(private, public)

    def _sweep_key(self, parts: Parts, name: str) -> None:
        """Destroy a key whose making did not end: it was never given to anybody."""
        self._keys.pop(name, None)
        parts.session.destroy(name.encode())
        reach("keystore.sweep.destroyed")
        parts.upkeep.settle_removed()
        parts.folder.end_making(name)

    def _newest(self, parts: Parts) -> Kept | None:
        """The record as last written here, or else as the token has it; what it makes superfluous is swept away.

        SessionLost if the token shows an older one than this process has seen.
        """
        if self._kept is None:
            newest, superfluous = newest_of(parts.session.carriers())
            if self._seen is not None and (newest is None or newest.record.step < self._seen.step):
                raise SessionLost(KeystoreCode.TOKEN_FAULT, {"cause": "record not found again"})
            for carrier in superfluous:
                parts.session.drop_carrier(carrier)
            if newest is not None:
                self._keep(newest)
        return self._kept

    def _keep(self, kept: Kept) -> None:
        self._kept, self._seen = kept, kept.record


def _require_no_change_begun(parts: Parts) -> None:
    """A change of the PIN that failed half-way ends by a new login, which says which of the two holds."""
    if parts.folder.next_settings() is not None:
        raise SessionLost(KeystoreCode.TOKEN_FAULT, {"cause": "PIN change did not end"})
