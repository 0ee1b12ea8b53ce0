"""What a token needs from the system before a module may be trusted with it: files, descriptors, room.

Rule: looked at before every login and after every first look round, because modules do not tell. A
SoftHSM without descriptors answers that there are no keys; one without room empties its token in
C_Login. What is missing is called what it is: no token folder is TOKEN_MISSING with `what` ("folder" or
"token"), the rest is the system's own error, which `hsm.durable.storage` gives its code.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Final

from hsm.keystore import KeystoreCode, KeystoreError
from hsm.profiles import Family
from hsm.softhsm_files import BACKUP_FILE, TOKEN_FILE

SPARE_DESCRIPTORS: Final = 16
"""More than a module opens at once for one call."""
ROOM_BYTES: Final = 64 * 1024
"""More than a login or a new key writes."""
ROOM_FILE: Final = ".room"
NSS_FILE: Final = "key4.db"


def check_token(family: Family, tokens: Path) -> None:
    """That there is a token in the folder `tokens`. TOKEN_MISSING; `OSError` where that can't be seen."""
    check_descriptors(tokens.parent)
    try:
        names = os.listdir(tokens)
    except (FileNotFoundError, NotADirectoryError):
        raise KeystoreError(KeystoreCode.TOKEN_MISSING, {"what": "folder"}) from None
    match family:
        case Family.SOFTHSM:
            wanted = (tokens / name / file for name in names for file in (TOKEN_FILE, BACKUP_FILE))
            is_there = any(path.exists() for path in wanted)
        case Family.NSS:
            is_there = NSS_FILE in names
    if not is_there:
        raise KeystoreError(KeystoreCode.TOKEN_MISSING, {"what": "token"})


def check_room(tokens: Path) -> None:
    """That the token folder can be written. `OSError`: full, read-only, not allowed."""
    probe = tokens / ROOM_FILE
    handle = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        if os.write(handle, bytes(ROOM_BYTES)) != ROOM_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(handle)
        probe.unlink(missing_ok=True)


def check_descriptors(folder: Path) -> None:
    """That so many files could be opened now. `OSError`: EMFILE, ENFILE, or the folder's own trouble."""
    held: list[int] = []
    try:
        held.append(os.open(folder, os.O_RDONLY))
        for _ in range(SPARE_DESCRIPTORS - 1):
            held.append(os.dup(held[0]))
    finally:
        for handle in held:
            os.close(handle)
