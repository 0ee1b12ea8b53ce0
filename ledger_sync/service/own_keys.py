"""A service's keys for one purpose, one after the other: which of them signs, and the next one made while it runs.

Rule: what is dated t is signed by the newest key that the directory has good at t and that lies in this keystore; so a
statement verifies whoever signs it late, and nobody has to switch at one moment. Where none of those that are good is
here, as in a keystore that was put back from a copy made before them, no statement is signed, since none would ever
verify; the service says so, and still hears the policy, which may list a key that it makes now. Before the directory is
known the first signs: its name is the purpose's, those of later ones end in their number.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from hsm.keystore import KeystoreCode
from ledger_sync.http.call import Signer
from ledger_sync.http.routes import CallerKind, IncomingCall, Route
from ledger_sync.http.texts import plain_text
from wallet.protocol import codec
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.directory import Directory, KeyEntry, Role
from wallet.protocol.parts import entries_of

MAX_NUMBER: Final = 64
"""Of the keys of one purpose; a directory lists far fewer."""
_MAX_PURPOSE: Final = 32
_OPERATOR: Final = frozenset({CallerKind.OPERATOR})
Entries = Callable[[], Sequence[KeyEntry]]


class OwnKeys:
    """The keys of one purpose. Safe to share between threads: what was found is put in place by one step."""

    def __init__(
        self,
        purpose: str,
        signer: Callable[[str], Signer],
        made: Callable[[str], Signer],
        aliases: Callable[[], frozenset[str]],
        entries: Entries,
    ) -> None:
        """``signer`` of an alias; ``made``: of one whose key is made where there is none. ``entries``: the directory's
        present ones; none where it is not known."""
        self._purpose = purpose
        self._signer = signer
        self._made = made
        self._aliases = aliases
        self._entries = entries
        self._first = signer(purpose)
        self._looking = threading.Lock()
        self._found: tuple[tuple[KeyEntry, ...], dict[bytes, Signer]] = ((), {})

    @property
    def key(self) -> bytes:
        return self._first.key

    def at(self, time: int) -> Signer:
        """Who signs what is dated ``time``. BUSY, with a cause, where the directory has keys, and none here is good."""
        entries = tuple(self._entries())
        good = self._good(entries, time)
        if good is None and any(entry.since <= time for entry in entries):
            raise Refusal(Code.BUSY, {"cause": KeystoreCode.KEY_UNKNOWN.value})
        return good or self._first

    def calling(self, time: int) -> Signer:
        """The same, or else the first: what anybody may ask is answered to that too."""
        return self._good(tuple(self._entries()), time) or self._first

    def _good(self, entries: tuple[KeyEntry, ...], time: int) -> Signer | None:
        listed, held = self._found
        if entries != listed:
            held = self._look(entries)
        good = [entry for entry in entries if entry.good_at(time) and entry.key.raw in held]
        return held[max(good, key=lambda entry: entry.since).key.raw] if good else None

    def make(self, number: int) -> bytes:
        """The key of this number, from 2 on; made where there is none. It signs once the directory has it."""
        require(2 <= number <= MAX_NUMBER, Code.MALFORMED, number=number)
        return self._made(f"{self._purpose}-{number}").key

    def _look(self, entries: tuple[KeyEntry, ...]) -> dict[bytes, Signer]:
        """The keystore is looked through once for each list of the directory's: a key is made before it is listed."""
        with self._looking:
            names = [name for name in self._aliases() if name.startswith(f"{self._purpose}-")]
            signers = [self._first, *(self._signer(name) for name in sorted(names))]
            held = {signer.key: signer for signer in signers}
            self._found = (entries, held)
            return held


def of_bank(directory: Callable[[], Directory], bank: str) -> Entries:
    """A bank's entries."""
    return lambda: _known(directory, lambda held: held.bank(bank).keys)


def of_role(directory: Callable[[], Directory], role: Role) -> Entries:
    """The entries of a role of the central bank's list."""
    return lambda: _known(directory, lambda held: held.roles.get(role, ()))


def of_notary(directory: Callable[[], Directory], prefixes: Sequence[str]) -> Entries:
    """The entries by which a notary decides these parts."""
    return lambda: _known(directory, lambda held: entries_of(held, prefixes))


def _known(
    directory: Callable[[], Directory], entries: Callable[[Directory], Sequence[KeyEntry]]
) -> Sequence[KeyEntry]:
    try:
        return entries(directory())
    except Refusal:  # BUSY before the first was fetched, BANK_UNKNOWN
        return ()


def making(keys: Mapping[str, OwnKeys]) -> Route:
    """The call by which the operator has the next key made, by its purpose."""

    def make(incoming: IncomingCall) -> Cbor:
        purpose, number = codec.array(incoming.value, 2)
        own = keys.get(plain_text(purpose, _MAX_PURPOSE))
        if own is None:
            raise Refusal(Code.NOT_FOUND)
        return [own.make(codec.uint(number, MAX_NUMBER))]

    return Route(
        "POST",
        "/v1/keys/own",
        _OPERATOR,
        make,
        "Have this service's next key of a purpose made, where there is none of that number",
        "[key]",
        f"[purpose tstr: {', '.join(keys)}; number uint, from 2 on]",
    )
