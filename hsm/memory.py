"""A backend of the keystore port that protects nothing: for tests and simulations, thousands of wallets in one process.

Keys and PIN lie open in the process's memory, where whoever runs it can read and copy them, and nothing
outlives the process. So it is for money that is not real. Rule: it keeps the port's whole contract besides
(tests/hsm/test_contract.py runs over it as over PKCS#11 modules). Randomness is passed in and signatures
follow RFC 6979, so a seeded run repeats exactly.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed, decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from hsm.keystore import (
    P256_ORDER,
    KeystoreCode,
    KeystoreError,
    Record,
    check_alias,
    check_order,
    digest_of,
    low_s,
)
from hsm.pin import check_fit
from hsm.tries import TriesMemory, TryCounter

_ALGORITHM = ec.ECDSA(Prehashed(SHA256()), deterministic_signing=True)


class MemoryKeystore:
    """`hsm.Keystore` in memory, open until it is locked. Protects nothing: for tests and simulations.

    `random` gives that many bytes; `clock` unix seconds, for the waits after wrong PINs.
    """

    def __init__(
        self, random: Callable[[int], bytes], *, pin: str, clock: Callable[[], int] = lambda: 0
    ) -> None:
        self._random = random
        self._pin = pin
        self._clock = clock
        self._tries = TriesMemory()
        self._keys: dict[str, ec.EllipticCurvePrivateKey] = {}
        self._record: Record | None = None
        self._locked = False

    def __repr__(self) -> str:
        return f"MemoryKeystore({len(self._keys)} keys)"

    def create_key(self, alias: str) -> bytes:
        name = check_alias(alias)
        self._check_open()
        if name in self._keys:
            raise KeystoreError(KeystoreCode.ALIAS_EXISTS, {"alias": name})
        scalar = int.from_bytes(self._random(48), "big") % (P256_ORDER - 1) + 1
        self._keys[name] = ec.derive_private_key(scalar, ec.SECP256R1())
        return self.public_key(name)

    def public_key(self, alias: str) -> bytes:
        public = self._key(alias).public_key()
        return public.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)

    def aliases(self) -> frozenset[str]:
        self._check_open()
        return frozenset(self._keys)

    def sign(self, alias: str, message: bytes) -> bytes:
        digest = digest_of(message)
        r, s = decode_dss_signature(self._key(alias).sign(digest, _ALGORITHM))
        return low_s(r.to_bytes(32, "big") + s.to_bytes(32, "big"))

    def destroy_key(self, alias: str) -> None:
        name = check_alias(alias)
        self._check_open()
        self._keys.pop(name, None)

    def read_record(self) -> Record | None:
        self._check_open()
        return self._record

    def write_record(self, record: Record) -> None:
        self._check_open()
        check_order(self._record, record)
        self._record = record

    def confirm_pin(self, pin: str) -> None:
        self._check_open()
        counter = TryCounter(self._tries, self._clock)
        counter.begin()
        if pin != self._pin:
            raise counter.wrong()
        counter.right()

    def change_pin(self, old: str, new: str) -> None:
        check_fit(new)
        self.confirm_pin(old)
        self._pin = new

    def lock(self) -> None:
        self._locked = True

    def reopen(self, pin: str, *, clock: Callable[[], int] | None = None) -> MemoryKeystore:
        """The same keystore after a restart: what `open_keystore` is to a folder. PIN_WRONG, PIN_BLOCKED."""
        opened = copy.copy(self)
        opened._locked = False
        opened._clock = clock or self._clock
        opened.confirm_pin(pin)
        return opened

    def clone(self, *, random: Callable[[int], bytes] | None = None) -> MemoryKeystore:
        """An independent copy, unlocked, as copying a SoftHSM folder makes one: same keys and record, a life of its
        own from now on."""
        other = copy.copy(self)
        other._random = random or self._random
        other._keys = dict(self._keys)
        other._tries = TriesMemory()
        other._locked = False
        return other

    def _check_open(self) -> None:
        if self._locked:
            raise KeystoreError(KeystoreCode.LOCKED)

    def _key(self, alias: str) -> ec.EllipticCurvePrivateKey:
        self._check_open()
        try:
            return self._keys[alias]
        except KeyError:
            raise KeystoreError(KeystoreCode.KEY_UNKNOWN, {"alias": check_alias(alias)}) from None
