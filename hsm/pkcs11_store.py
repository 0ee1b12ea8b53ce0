"""PKCS#11 spoken through python-pkcs11; the only file that imports it.

Rule: every call, attribute reads included, is made inside `critical()`, searches are read to their end
at once, and always name class and label, since a broad search fails for ever on the half-made objects
that a crash leaves in SoftHSM. Errors are mapped by class; texts from the module are not passed on.

Trap: a SoftHSM that could open no file for a moment says nothing. From then on its searches find
nothing and its handles are invalid, until it is started anew. So an empty search proves no absence of
what we know to be there, and a handle that is refused is a `SessionLost`, never an unknown key.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass, TokenFlag
from pkcs11 import exceptions as p11
from pkcs11.constants import DEFAULT
from pkcs11.util.ec import encode_named_curve_parameters

from hsm.critical import critical
from hsm.keystore import SIGNATURE_BYTES, KeystoreCode, KeystoreError, SessionLost

KEY_LABEL: Final = "qalta key"
RECORD_LABEL: Final = "qalta record"
TOKEN_LABEL_BYTES: Final = 32
CKR_OK: Final = 0

_CAPABILITIES: Final = (
    Attribute.ENCRYPT,
    Attribute.DECRYPT,
    Attribute.WRAP,
    Attribute.UNWRAP,
    Attribute.DERIVE,
    Attribute.SIGN,
    Attribute.VERIFY,
)
_UNSAID: Final[dict[Attribute, Any]] = dict.fromkeys(_CAPABILITIES, DEFAULT)
_PRIVATE: Final = {
    **_UNSAID,
    Attribute.SIGN: True,
    Attribute.PRIVATE: True,
    Attribute.SENSITIVE: True,
    Attribute.EXTRACTABLE: False,
}
_PUBLIC: Final = {**_UNSAID, Attribute.VERIFY: True, Attribute.PRIVATE: False}

_CODES: Final[tuple[tuple[tuple[type[p11.PKCS11Error], ...], KeystoreCode], ...]] = (
    ((p11.PinIncorrect, p11.PinInvalid), KeystoreCode.PIN_WRONG),
    ((p11.PinLocked, p11.PinExpired), KeystoreCode.PIN_BLOCKED),
    ((p11.PinLenRange, p11.PinTooWeak), KeystoreCode.PIN_UNFIT),
    ((p11.NoSuchToken, p11.TokenNotPresent, p11.DeviceRemoved), KeystoreCode.TOKEN_MISSING),
    ((p11.DeviceMemory, p11.HostMemory), KeystoreCode.TOKEN_FULL),
    (
        (
            p11.MechanismInvalid,
            p11.FunctionNotSupported,
            p11.AttributeTypeInvalid,
            p11.TemplateInconsistent,
            p11.TemplateIncomplete,
            p11.DomainParamsInvalid,
        ),
        KeystoreCode.MODULE_UNFIT,
    ),
)


_LASTING: Final = frozenset(
    {
        KeystoreCode.PIN_WRONG,
        KeystoreCode.PIN_BLOCKED,
        KeystoreCode.PIN_UNFIT,
        KeystoreCode.TOKEN_FULL,
        KeystoreCode.MODULE_UNFIT,
    }
)
"""What no other login would mend."""


@contextmanager
def call() -> Iterator[None]:
    """One visit to the module: alone in this process, its errors turned into ours."""
    with critical():
        try:
            yield
        except p11.PKCS11Error as error:
            code, facts = _code_of(error), {"cause": type(error).__name__}
            raise (KeystoreError if code in _LASTING else SessionLost)(code, facts) from None


def _code_of(error: p11.PKCS11Error) -> KeystoreCode:
    for classes, code in _CODES:
        if isinstance(error, classes):
            return code
    return KeystoreCode.TOKEN_FAULT


class Module:
    """A loaded and initialised PKCS#11 library."""

    def __init__(self, library: Path) -> None:
        self._path = library
        with call():
            self._lib: Any = pkcs11.lib(str(library))

    def finalise(self) -> None:
        with call():
            self._lib.finalize()

    def initialise(self) -> None:
        with call():
            self._lib.initialize()

    def make_token(self, label: str, so_pin: str, pin: str) -> None:
        """C_InitToken on a free slot, then the user's PIN.

        python-pkcs11 has no C_InitToken, and a command line tool would show PINs in argv, so it is
        called in this process.
        """
        name = label.encode().ljust(TOKEN_LABEL_BYTES)
        secret = so_pin.encode()
        with call():
            slot = self._free_slot()
            result = ctypes.CDLL(str(self._path)).C_InitToken(
                ctypes.c_ulong(slot), secret, ctypes.c_ulong(len(secret)), name
            )
            if result != CKR_OK:
                raise KeystoreError(KeystoreCode.TOKEN_FAULT, {"cause": f"C_InitToken {result:#x}"})
        self.set_first_pin(label, so_pin, pin)

    def set_first_pin(self, label: str, so_pin: str, pin: str) -> None:
        """As security officer, give the token its user PIN."""
        with call():
            session = self._token(label).open(rw=True, so_pin=so_pin)
            session.init_pin(pin)
            session.close()

    def log_in(self, label: str, pin: str) -> TokenSession:
        """C_Login: once when a keystore is opened, once more after a failure below the module."""
        with call():
            token = self._token(label)
            serial = token.serial.decode("ascii", "replace").strip()
            return TokenSession(token.open(rw=True, user_pin=pin), serial)

    def serial(self, label: str) -> str:
        with call():
            return str(self._token(label).serial.decode("ascii", "replace").strip())

    def _token(self, label: str) -> Any:
        for token in list(self._lib.get_tokens()):
            if token.label.strip() == label:
                return token
        raise KeystoreError(KeystoreCode.TOKEN_MISSING)

    def _free_slot(self) -> int:
        for slot in list(self._lib.get_slots(token_present=True)):
            if not slot.get_token().flags & TokenFlag.TOKEN_INITIALIZED:
                return int(slot.slot_id)
        raise KeystoreError(KeystoreCode.TOKEN_FULL)


@dataclass(frozen=True, slots=True)
class Carrier:
    """An object of the token that carries record bytes, and whether it can be written over."""

    body: bytes
    item: Any
    is_lasting: bool = True


class TokenSession:
    """One logged-in session. Objects handed out are opaque and of use to this session only."""

    def __init__(self, session: Any, serial: str) -> None:
        self._session = session
        self.serial = serial

    def close(self) -> None:
        """Log out and close."""
        with call():
            self._session.close()

    def set_pin(self, old: str, new: str) -> None:
        with call():
            self._session.set_pin(old, new)

    def private_keys(self) -> dict[bytes, Any]:
        """All private keys of ours by id."""
        with call():
            return {_bytes(key, Attribute.ID): key for key in self._find(ObjectClass.PRIVATE_KEY, KEY_LABEL)}

    def public_points(self) -> dict[bytes, bytes]:
        """Compressed public keys of ours by id; objects without a readable point are left out."""
        points = {}
        with call():
            for key in self._find(ObjectClass.PUBLIC_KEY, KEY_LABEL):
                point = _compressed(_bytes(key, Attribute.EC_POINT))
                if point is not None:
                    points[_bytes(key, Attribute.ID)] = point
        return points

    def generate(self, key_id: bytes) -> tuple[Any, bytes]:
        """Make a P-256 pair in the token: the private object and the compressed public key."""
        with call():
            public, private = self._generate(key_id, KEY_LABEL)
            point = _compressed(_bytes(public, Attribute.EC_POINT))
            if point is None:
                raise KeystoreError(KeystoreCode.MODULE_UNFIT, {"cause": "CKA_EC_POINT"})
            return private, point

    def sign(self, private: Any, digest: bytes) -> bytes:
        """Raw CKM_ECDSA over a digest: 64 bytes r || s as the module made them."""
        with call():
            signature = bytes(private.sign(digest, mechanism=Mechanism.ECDSA))
        if len(signature) != SIGNATURE_BYTES:
            raise KeystoreError(KeystoreCode.MODULE_UNFIT, {"cause": "signature length"})
        return signature

    def has_private(self, key_id: bytes) -> bool:
        with call():
            return bool(self._find(ObjectClass.PRIVATE_KEY, KEY_LABEL, key_id))

    def destroy(self, key_id: bytes, *, is_there: bool = False) -> None:
        """Destroy a pair, private before public. SessionLost if what `is_there` is not found."""
        if is_there and not self.has_private(key_id):
            raise SessionLost(KeystoreCode.TOKEN_FAULT, {"cause": "key not found again"})
        self._destroy(ObjectClass.PRIVATE_KEY, key_id)
        self.destroy_public(key_id)

    def destroy_public(self, key_id: bytes) -> None:
        self._destroy(ObjectClass.PUBLIC_KEY, key_id)

    def _destroy(self, kind: ObjectClass, key_id: bytes) -> None:
        """Destroy, then search again: SoftHSM forgets an object whose file it could not remove."""
        with call():
            for found in self._find(kind, KEY_LABEL, key_id):
                found.destroy()
            if self._find(kind, KEY_LABEL, key_id):
                raise SessionLost(KeystoreCode.TOKEN_FAULT, {"cause": "object still there"})

    def carriers(self) -> list[Carrier]:
        """The marker keys whose ids carry records, and data objects as tokens had them once."""
        with call():
            keys = self._find(ObjectClass.PRIVATE_KEY, RECORD_LABEL)
            data = self._find(ObjectClass.DATA, RECORD_LABEL)
            return [
                *(Carrier(_bytes(item, Attribute.ID), item) for item in keys),
                *(Carrier(_bytes(item, Attribute.VALUE), item, is_lasting=False) for item in data),
            ]

    def add_carrier(self, body: bytes) -> Carrier:
        with call():
            _, private = self._generate(body, RECORD_LABEL, public_too=False)
            return Carrier(body, private)

    def rewrite_carrier(self, carrier: Carrier, body: bytes) -> Carrier:
        """A lasting one, written over in place: cut off it is torn, gone, or as it was to become."""
        with call():
            carrier.item[Attribute.ID] = body
            return Carrier(body, carrier.item)

    def drop_carrier(self, carrier: Carrier) -> None:
        with call():
            carrier.item.destroy()

    def _generate(self, key_id: bytes, label: str, *, public_too: bool = True) -> tuple[Any, Any]:
        curve = {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
        domain = self._session.create_domain_parameters(KeyType.EC, curve, local=True)
        public_template = {**_PUBLIC, Attribute.TOKEN: public_too}
        pair: tuple[Any, Any] = domain.generate_keypair(
            store=True, id=key_id, label=label, public_template=public_template, private_template=_PRIVATE
        )
        return pair

    def _find(self, kind: ObjectClass, label: str, key_id: bytes | None = None) -> list[Any]:
        template: dict[Attribute, Any] = {Attribute.CLASS: kind, Attribute.LABEL: label}
        if key_id is not None:
            template[Attribute.ID] = key_id
        return list(self._session.get_objects(template))


def _bytes(item: Any, attribute: Attribute) -> bytes:
    """An attribute as bytes; empty where a crash or the module left it out."""
    try:
        return bytes(item[attribute] or b"")
    except (p11.AttributeTypeInvalid, p11.AttributeValueInvalid, p11.GeneralError, p11.AttributeSensitive):
        return b""


def _compressed(ec_point: bytes) -> bytes | None:
    """CKA_EC_POINT (an uncompressed point, bare or in an OCTET STRING) as 33 bytes, SEC 1 2.3.3."""
    point = ec_point[2:] if len(ec_point) == 67 and ec_point[:2] == b"\x04\x41" else ec_point
    if len(point) != 65 or point[0] != 4:
        return None
    return bytes((2 + (point[64] & 1),)) + point[1:33]
