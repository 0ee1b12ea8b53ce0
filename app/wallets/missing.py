"""The one error that is neither a refusal nor a wrong command: something that is needed is not there."""

from __future__ import annotations


class MissingPart(Exception):
    """Something that is needed is not there; the message is a key of the catalogue's ``missing`` table."""

    def __init__(self, name: str, /, **facts: int | str) -> None:
        super().__init__(name)
        self.name = name
        self.facts = facts
