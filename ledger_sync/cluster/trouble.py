"""Why a cluster does not do what was asked: a closed list, whose words the command line keeps."""

from __future__ import annotations

from enum import StrEnum


class Trouble(StrEnum):
    """`facts` of each are named behind it."""

    PROGRAMS = "programs"
    """Programs that it is made of are not installed (names)."""
    FOLDER = "folder"
    """The account that runs it cannot get into its folder (folder, account)."""
    ACCOUNT = "account"
    """Root started it, and there is no other account to run it as (names)."""
    NAME = "name"
    """No node, machine or group is called so (name)."""
    ENDED = "ended"
    """A process ended that should run (name, said)."""
    NOT_READY = "not_ready"
    """It is not whole after a long wait (name, seconds)."""


class ClusterError(Exception):
    """Something that was asked of a cluster was not done, or not to the end; asking again is safe."""

    def __init__(self, trouble: Trouble, /, **facts: str | int) -> None:
        super().__init__(trouble.value, facts)
        self.trouble = trouble
        self.facts = facts
