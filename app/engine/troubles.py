"""What went wrong, as the window shows it: every exception of a job becomes one code of a closed list.

Rule: an error that nobody foresaw is logged as its kind and the lines that it passed, never with its words or values:
a PIN could be among them.
"""

from __future__ import annotations

import logging
import sqlite3
import traceback
from enum import StrEnum

from app.engine.values import Trouble
from app.wallets.doing import facts_of
from app.wallets.missing import MissingPart
from app.wallets.offline import OFFLINE
from hsm.keystore import KeystoreCode, KeystoreError
from hsm.storage import fault_of
from wallet.protocol.codes import Code, Refusal
from wallet.transport.nfc import DeviceError

_LOG = logging.getLogger("qalta.app")


class AppCode(StrEnum):
    """What only the app refuses, beside the codes of the protocol and of the keystore."""

    PINS_DIFFER = "pins_differ"
    FIELDS_MISSING = "fields_missing"
    READER_TROUBLE = "reader_trouble"
    NETWORK_OFF = "network_off"
    AUTHORITY_UNFIT = "authority_unfit"


_MISSING = {
    "missing.sandbox": Code.UNREACHABLE,
    "missing.file": KeystoreCode.STORAGE_MISSING,
    "missing.profile": KeystoreCode.FOLDER_DAMAGED,
    "missing.authority": AppCode.AUTHORITY_UNFIT,
}


def trouble_of(error: BaseException) -> Trouble:
    """The code and facts of ``error``; INTERNAL, and a line in the log, where it was not foreseen."""
    match error:
        case Refusal(code=Code.UNREACHABLE) if error.facts.get("service") == OFFLINE:
            return Trouble(AppCode.NETWORK_OFF)
        case Refusal():
            return Trouble(error.code.value, dict(facts_of(error)))
        case KeystoreError():
            return Trouble(error.code.value, dict(error.facts))
        case DeviceError():
            return Trouble(AppCode.READER_TROUBLE, {"device": error.device, "trouble": error.trouble.value})
        case MissingPart() if error.name in _MISSING:
            facts = {"file": str(error.facts["name"])} if "name" in error.facts else {}
            return Trouble(_MISSING[error.name].value, facts)
        case OSError() | sqlite3.Error() if (fault := fault_of(error)) is not None:
            return Trouble(fault.code.value, dict(fault.facts))
        case _:
            _log(error)
            return Trouble(Code.INTERNAL)


def _log(error: BaseException) -> None:
    passed = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(passed))
    _LOG.error("%s at %s", type(error).__name__, where)
