"""What screens are built with: the theme and the words of the moment."""

from __future__ import annotations

from dataclasses import dataclass

from app.window.theme import Colours, Theme
from app.window.words import Words


@dataclass(frozen=True, slots=True)
class Kit:
    """Passed to every widget that has text or colour; another look or language is another kit."""

    theme: Theme
    words: Words

    @property
    def colours(self) -> Colours:
        return self.theme.colours

    def say(self, name: str, /, **facts: int | str) -> str:
        return self.words.say(name, **facts)
