"""The typefaces: a Roboto that has the tenge sign, under every name that KivyMD asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from kivy.core.text import LabelBase
from kivymd import fonts_path

REGULAR: Final = "Roboto"
MEDIUM: Final = "RobotoMedium"
LIGHT: Final = "RobotoLight"
ICONS: Final = "Icons"

_HERE: Final = Path(__file__).parent
FILES: Final = {
    REGULAR: _HERE / "Roboto-Regular.ttf",
    MEDIUM: _HERE / "Roboto-Medium.ttf",
    LIGHT: _HERE / "Roboto-Light.ttf",
    "RobotoThin": _HERE / "Roboto-Light.ttf",
    "RobotoBlack": _HERE / "Roboto-Bold.ttf",
    ICONS: Path(fonts_path) / "materialdesignicons-webfont.ttf",
}
_BOLD: Final = _HERE / "Roboto-Bold.ttf"


def register() -> None:
    """Call after KivyMD is imported and before the first widget: KivyMD registers its own Roboto on import."""
    for name, path in FILES.items():
        LabelBase.register(name, str(path), fn_bold=str(_BOLD if name == REGULAR else path))
