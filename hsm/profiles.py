"""What differs between PKCS#11 modules, as values; everything else is the portable subset.

Rule: P-256 key generation, raw CKM_ECDSA, find by class, label and id, change a key's id, destroy, log in.
A module that has these can serve. A profile says where the module lies and how its token is made.
"""

from __future__ import annotations

import glob
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from hsm.keystore import KeystoreCode, KeystoreError


class Family(StrEnum):
    """Whose files and start-up rules apply."""

    SOFTHSM = "softhsm"
    NSS = "nss"


@dataclass(frozen=True, slots=True)
class ModuleProfile:
    """One kind of PKCS#11 module. `libraries` are glob patterns, tried in order."""

    family: Family
    libraries: tuple[str, ...]
    package: str
    one_token_label: str | None = None
    """The label of the only token that such a folder can hold; None where tokens are named freely."""

    def library(self) -> Path:
        """The module's file; MODULE_MISSING with the Debian package that brings it."""
        for pattern in self.libraries:
            for found in sorted(glob.glob(pattern)):
                return Path(found)
        raise KeystoreError(KeystoreCode.MODULE_MISSING, {"package": self.package})


SOFTHSM: Final = ModuleProfile(
    family=Family.SOFTHSM,
    libraries=(
        "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib/*/softhsm/libsofthsm2.so",
        "/usr/lib64/pkcs11/libsofthsm2.so",
        "/usr/local/lib/softhsm/libsofthsm2.so",
        "/opt/homebrew/lib/softhsm/libsofthsm2.so",
    ),
    package="libsofthsm2",
)

NSS: Final = ModuleProfile(
    family=Family.NSS,
    libraries=("/usr/lib/*/libsoftokn3.so", "/usr/lib/*/nss/libsoftokn3.so", "/usr/lib64/libsoftokn3.so"),
    package="libnss3",
    one_token_label="NSS Certificate DB",
)

PROFILES: Final = {profile.family.value: profile for profile in (SOFTHSM, NSS)}
