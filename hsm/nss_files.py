"""NSS softokn as an ordinary PKCS#11 module: it is given its folder in C_Initialize.

Rule: softokn refuses C_Initialize without parameters, and python-pkcs11 passes none. So the entry in
the function list that softokn hands out is led through a function of ours that adds them ("NSS module
specification"). softokn keeps its keys in SQLite and needs neither our fsyncs nor our backup.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any, Final

OS_LOCKING_OK: Final = 2
BAD_ARGUMENTS: Final = 7
OK: Final = 0

_Initialise = ctypes.CFUNCTYPE(ctypes.c_ulong, ctypes.c_void_p)
_kept: dict[str, Any] = {}
_folder: list[Path] = []


class _Version(ctypes.Structure):
    _fields_ = (("major", ctypes.c_ubyte), ("minor", ctypes.c_ubyte))


class _FunctionListHead(ctypes.Structure):
    """CK_FUNCTION_LIST up to its first function (PKCS #11 v2.40 section 3.6)."""

    _fields_ = (("version", _Version), ("initialise", ctypes.c_void_p))


class _InitialiseArguments(ctypes.Structure):
    """CK_C_INITIALIZE_ARGS with the field that NSS puts before pReserved."""

    _fields_ = (
        ("mutex_functions", ctypes.c_void_p * 4),
        ("flags", ctypes.c_ulong),
        ("library_parameters", ctypes.c_char_p),
        ("reserved", ctypes.c_void_p),
    )


def point_to(tokens: Path, library: Path) -> None:
    """From now on C_Initialize of `library` opens the key database in the folder `tokens`."""
    _folder[:] = [tokens.absolute()]
    if str(library) in _kept:
        return
    module = ctypes.CDLL(str(library))
    functions = ctypes.POINTER(_FunctionListHead)()
    if module.C_GetFunctionList(ctypes.byref(functions)) != OK:
        return
    real = _Initialise(functions.contents.initialise)

    def initialise(_ignored: int | None) -> int:
        if not _folder:
            return BAD_ARGUMENTS
        parameters = f"configdir='sql:{_quoted(_folder[0])}' certPrefix='' keyPrefix='' secmod='' flags="
        arguments = _InitialiseArguments(
            flags=OS_LOCKING_OK, library_parameters=parameters.encode(), reserved=None
        )
        return int(real(ctypes.addressof(arguments)))

    ours = _Initialise(initialise)
    functions.contents.initialise = ctypes.cast(ours, ctypes.c_void_p).value
    _kept[str(library)] = (module, real, ours)


def _quoted(path: Path) -> str:
    return str(path).replace("\\", "\\\\").replace("'", "\\'")
