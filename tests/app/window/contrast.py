"""Tells how well each colour of the theme can be read on its ground, in both looks, as JSON."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

from app.window.environment import prepare

TEXT: Final = 4.5
SIGN: Final = 3.0


def luminance(colour: tuple[float, ...]) -> float:
    """Relative luminance, as WCAG 2.1 defines it."""
    parts = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour[:3]]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def main() -> None:
    os.environ["SDL_VIDEODRIVER"] = "offscreen"
    with tempfile.TemporaryDirectory() as home:
        prepare(Path(home))
        from kivymd.app import MDApp

        from app.window.theme import Ink, colours_of

        found: list[dict[str, Any]] = []
        theme = MDApp().theme_cls
        for is_dark in (False, True):
            colours = colours_of(theme, is_dark)

            def note(
                what: str,
                one: tuple[float, ...],
                other: tuple[float, ...],
                least: float,
                dark: bool = is_dark,
            ) -> None:
                found.append(
                    {"what": what, "dark": dark, "contrast": round(contrast(one, other), 2), "least": least}
                )

            for item in fields(colours):
                ink = getattr(colours, item.name)
                if isinstance(ink, Ink):
                    note(item.name, ink.ground, ink.text, TEXT)
            for ground in ("page", "card"):
                note(f"quiet on {ground}", colours.quiet, getattr(colours, ground).ground, TEXT)
                note(f"accent on {ground}", colours.accent, getattr(colours, ground).ground, TEXT)
                note(f"line on {ground}", colours.line, getattr(colours, ground).ground, SIGN)
            note("paper", colours.paper.ground, colours.paper.text, 21)
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
