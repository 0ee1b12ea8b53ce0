"""How a helper process of the sandbox says why it failed, and how whoever started it hears that.

Rule: a known reason travels as its code and facts on one line of stderr; anything else is INTERNAL, with the last line
that the helper said.
"""

from __future__ import annotations

import json
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import hsm
from wallet.protocol.codes import Code, Refusal

_SAID: Final = 200


@contextmanager
def telling() -> Iterator[None]:
    """Inside a helper: a refusal of keystore or storage ends it with status 1 and one line."""
    try:
        yield
    except hsm.KeystoreError as error:
        _end(error)
    except (OSError, sqlite3.Error) as error:
        fault = hsm.fault_of(error)
        if fault is None:
            raise
        _end(fault)


def _end(error: hsm.KeystoreError) -> None:
    sys.stderr.write(json.dumps({"code": error.code.value, "facts": dict(error.facts)}) + "\n")
    raise SystemExit(1)


def heard(said: bytes, step: str) -> Exception:
    """Why a helper failed at ``step``: the ``KeystoreError`` that it told, else ``Refusal`` INTERNAL."""
    last = _last_line(said.decode(errors="replace"))
    try:
        told = json.loads(last)
        return hsm.KeystoreError(hsm.KeystoreCode(told["code"]), told["facts"])
    except (ValueError, KeyError, TypeError):
        return Refusal(Code.INTERNAL, {"step": step, "said": last[-_SAID:]})


def why_ended(station: str, log: str) -> Exception:
    """Why a service is not there, by the end of its log: the ``KeystoreError`` that it named, else ``Refusal``
    UNREACHABLE."""
    last = _last_line(log)
    try:
        return hsm.KeystoreError(hsm.KeystoreCode(json.loads(last)["code"]), {"station": station})
    except (ValueError, KeyError, TypeError):
        return Refusal(Code.UNREACHABLE, {"service": station, "said": last[-_SAID:]})


def _last_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else ""
