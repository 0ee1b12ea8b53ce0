"""Where keys live: the keystore port, PKCS#11 behind it, provisioning, the record, failpoints.

Importing this loads no module, opens no token and starts no thread; PKCS#11 comes in with the first keystore that is
opened. SoftHSM is software: whoever copies its folder has the keys, and this package can neither prevent nor
notice that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hsm.keystore import Keystore, KeystoreCode, KeystoreError, Record
from hsm.pin import PERSON_COST, RANDOM_PIN_COST, ScryptCost, pin_from_descriptor, pin_from_file
from hsm.profiles import NSS, SOFTHSM, ModuleProfile
from hsm.storage import fault_of

if TYPE_CHECKING:
    from hsm.opening import open_keystore, provision

__all__ = [
    "NSS",
    "PERSON_COST",
    "RANDOM_PIN_COST",
    "SOFTHSM",
    "Keystore",
    "KeystoreCode",
    "KeystoreError",
    "ModuleProfile",
    "Record",
    "ScryptCost",
    "fault_of",
    "open_keystore",
    "pin_from_descriptor",
    "pin_from_file",
    "provision",
]


def __getattr__(name: str) -> Any:
    if name in ("open_keystore", "provision"):
        from hsm import opening

        return getattr(opening, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
