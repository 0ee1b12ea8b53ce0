"""On what the figures were taken: processor, Python, OpenSSL."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from cryptography.hazmat.backends.openssl import backend


def machine() -> dict[str, str | int]:
    """``processor``, ``cores`` (that this process may use), ``system``, ``python``, ``openssl``."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "openssl": backend.openssl_version_text(),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.processor() or platform.machine()
