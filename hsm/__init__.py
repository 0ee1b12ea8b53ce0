"""Where keys live: the keystore port, PKCS#11 behind it, provisioning, the record, failpoints.

Importing this loads no module, opens no token and starts no thread. SoftHSM is software: whoever copies
its folder has the keys, and this package can neither prevent nor notice that.
"""

from __future__ import annotations

from hsm.keystore import Keystore, KeystoreCode, KeystoreError, Record
from hsm.opening import open_keystore, provision
from hsm.pin import PERSON_COST, RANDOM_PIN_COST, ScryptCost, pin_from_descriptor, pin_from_file
from hsm.profiles import NSS, SOFTHSM, ModuleProfile
from hsm.storage import fault_of

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
