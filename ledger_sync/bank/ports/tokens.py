"""Tokens: the outputs of valid transactions, what they are worth by the verdicts, and who consumed them.

Rule: what leaves the state in which it could still be redeemed or refunded leaves what is unspent in the same
transaction, so that what is open of a key, or is to be refunded, is found without its history.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from wallet.protocol.cose import Signed
from wallet.protocol.settlement import Consumption
from wallet.protocol.transfer import TokenRef
from wallet.protocol.validity import Token


class Tokens(Protocol):
    """Outputs. Writes within the caller's transaction."""

    def add(self, tokens: Sequence[Token], *, settled: bool) -> None:
        """Outputs of valid transactions; those of an issuance are ``settled`` and bring their face value."""

    def get(self, ref: TokenRef) -> Token | None: ...

    def get_each(self, refs: Collection[TokenRef]) -> Mapping[TokenRef, Token]:
        """Those of these that are outputs of valid transactions."""

    def whole(self, refs: Collection[TokenRef]) -> Mapping[TokenRef, Token]:
        """Those of these that are settled at their face value."""

    def settle(self, ref: TokenRef, value: int) -> None:
        """What an output is worth (tiyn) by its transfer's verdict."""

    def worth(self, ref: TokenRef) -> int | None:
        """Settled tiyn of an output; None while it has no verdict. Of a transfer that ended before it was judged there
        are no tokens, and its verdict says so."""


class Unspent(Protocol):
    """Outputs of customers' keys that are not consumed, not refunded and not known to be worth nothing. Writes within
    the caller's transaction."""

    def certified(self, key: bytes) -> None:
        """A key has just become a customer's: what it owns counts from now on."""

    def drop(self, ref: TokenRef) -> None:
        """It was consumed or refunded, or is worth nothing."""

    def has(self, key: bytes) -> bool:
        """Whether anything of the key is unspent."""

    def on_other_devices(self, account: str, device: bytes) -> tuple[int, int | None]:
        """Tiyn that the ledger knows unspent on the account's other devices, and when the last of it expires."""


class Statements(Protocol):
    """The notary's words, in the order in which they were heard. They are written with settlements."""

    def on(self, ref: TokenRef) -> Signed[Consumption] | None:
        """The notary's word on who consumed an output."""

    def about(self, refs: Sequence[TokenRef]) -> Sequence[Signed[Consumption]]:
        """The notary's words about these outputs, each once."""

    def named(self, names: Collection[bytes]) -> Mapping[bytes, Signed[Consumption]]:
        """Those of these ids that are kept."""

    def heard(self, since: int, after: int) -> tuple[int, Sequence[Signed[Consumption]]]:
        """A page of the notary's words dated `since` or later, after number `after` of their coming; and the number
        of its last (0 for an empty page). Who reads on after that passes nothing over: what comes later has a higher
        number, whoever writes it."""
