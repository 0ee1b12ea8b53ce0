"""What the desktop around the window prefers."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Final

_ASKED: Final = ("gsettings", "get", "org.gnome.desktop.interface", "color-scheme")
_PATIENCE: Final = 0.5


def prefers_dark() -> bool:
    """Whether the desktop asks for dark windows; False where it says nothing."""
    if os.environ.get("GTK_THEME", "").endswith((":dark", "-dark")):
        return True
    if shutil.which(_ASKED[0]) is None or "DBUS_SESSION_BUS_ADDRESS" not in os.environ:
        return False
    try:
        said = subprocess.run(_ASKED, capture_output=True, timeout=_PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return b"dark" in said.stdout
