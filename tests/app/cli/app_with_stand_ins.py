"""`qalta` whose windows are stand-ins: everything else is as it is."""

from __future__ import annotations

import sys
from pathlib import Path

from app.cli.main import main
from app.launch import window

window.COMMAND = (sys.executable, str(Path(__file__).with_name("window_stand_in.py")))  # type: ignore[misc, assignment]
window.CLOSE = 1.0  # type: ignore[misc]

if __name__ == "__main__":
    sys.exit(main())
