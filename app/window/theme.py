"""How everything looks: Material 3 colours of one palette, sizes of type, spacing.

Rule: widgets take a colour by its part in the picture, never by value, and a size by the kind of text. A theme is
fixed once made; another look, another text size or another language draws the screen anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from kivy.metrics import dp, sp

from app.window.fonts import LIGHT, MEDIUM, REGULAR

Colour: TypeAlias = tuple[float, float, float, float]

PALETTE: Final = "Teal"
SCHEME: Final = "FIDELITY"
LARGE: Final = 1.3
"""How much bigger type is in the large-text mode."""
COLUMN: Final = 520
"""Widest column of text and buttons, dp."""
WIDE: Final = 760
"""From this width on a window shows two panes and its places on the left, dp."""
TOUCH: Final = 48
"""Least height of what is touched, dp."""


@dataclass(frozen=True, slots=True)
class Ink:
    """One kind of surface and what is written on it."""

    ground: Colour
    text: Colour


@dataclass(frozen=True, slots=True)
class Colours:
    """``strong``: the one primary action. ``soft``: other actions and what is chosen. ``hero``: the balance."""

    is_dark: bool
    page: Ink
    card: Ink
    raised: Ink
    strong: Ink
    soft: Ink
    hero: Ink
    good: Ink
    bad: Ink
    warn: Ink
    quiet: Colour
    accent: Colour
    line: Colour
    faint: Colour

    @property
    def paper(self) -> Ink:
        """What a code is printed on, in either look: cameras want black on white."""
        return Ink((1, 1, 1, 1), (0, 0, 0, 1))


_KNOWN: Final[dict[bool, Colours]] = {}


def colours_of(theme_cls: Any, is_dark: bool) -> Colours:
    """The colours that KivyMD's theme manager makes of the palette. It takes a tenth of a second: asked once a look."""
    if is_dark not in _KNOWN:
        theme_cls.theme_style_switch_animation = False
        theme_cls.dynamic_scheme_name, theme_cls.primary_palette = SCHEME, PALETTE
        theme_cls.theme_style = "Dark" if is_dark else "Light"
        theme_cls.set_colors()
        _KNOWN[is_dark] = _read(theme_cls, is_dark)
    return _KNOWN[is_dark]


def _read(theme_cls: Any, is_dark: bool) -> Colours:

    def ink(ground: str, text: str) -> Ink:
        return Ink(_plain(getattr(theme_cls, ground)), _plain(getattr(theme_cls, text)))

    return Colours(
        is_dark=is_dark,
        page=ink("backgroundColor", "onBackgroundColor"),
        card=ink("surfaceContainerColor", "onSurfaceColor"),
        raised=ink("surfaceContainerHighestColor", "onSurfaceColor"),
        strong=ink("primaryColor", "onPrimaryColor"),
        soft=ink("secondaryContainerColor", "onSurfaceColor"),
        hero=Ink(_hex("#00504f"), _hex("#eafffe")) if is_dark else Ink(_hex("#006565"), _hex("#ffffff")),
        good=Ink(_hex("#0d3d22"), _hex("#a5f2bd")) if is_dark else Ink(_hex("#d3f3dc"), _hex("#0a4d26")),
        bad=ink("errorContainerColor", "onErrorContainerColor"),
        warn=Ink(_hex("#463300"), _hex("#ffdf9e")) if is_dark else Ink(_hex("#ffeec7"), _hex("#4d3800")),
        quiet=_plain(theme_cls.onSurfaceVariantColor),
        accent=_plain(theme_cls.primaryColor),
        line=_plain(theme_cls.outlineColor),
        faint=_plain(theme_cls.outlineVariantColor),
    )


def _plain(colour: Any) -> Colour:
    red, green, blue, alpha = (float(part) for part in colour)
    return (red, green, blue, alpha)


def _hex(code: str) -> Colour:
    return (int(code[1:3], 16) / 255, int(code[3:5], 16) / 255, int(code[5:7], 16) / 255, 1.0)


@dataclass(frozen=True, slots=True)
class Type:
    """A kind of text: typeface, size in sp before large-text mode, line height."""

    font: str
    size: int
    line: float = 1.15


HUGE: Final = Type(LIGHT, 46, 1.0)
BIG: Final = Type(REGULAR, 32, 1.05)
HEADLINE: Final = Type(MEDIUM, 24)
TITLE: Final = Type(MEDIUM, 19)
LEAD: Final = Type(MEDIUM, 16)
BODY: Final = Type(REGULAR, 16, 1.2)
SMALL: Final = Type(REGULAR, 14, 1.15)
LABEL: Final = Type(MEDIUM, 14)
TINY: Final = Type(MEDIUM, 12, 1.0)


@dataclass(frozen=True, slots=True)
class Theme:
    """What a screen is drawn with."""

    colours: Colours
    is_large: bool = False

    def size(self, kind: Type) -> float:
        """Pixels."""
        return float(round(sp(kind.size * (LARGE if self.is_large else 1))))

    def grown(self, points: float) -> float:
        """Pixels of something that grows with the type, as icons do."""
        return float(dp(points * (LARGE if self.is_large else 1)))
