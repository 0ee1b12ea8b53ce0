"""A bank operator's calls to its own node, typed: accounts, devices, books.

Rule: each order has an id of the caller's (16 bytes): the same order again is the same act and has the same answer, so
whoever hears nothing gives it again. What comes back is read strictly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hsm.keystore import Keystore
from ledger_sync.client.bank import Service
from ledger_sync.http.peers import read
from wallet.protocol import codec
from wallet.protocol.bounds import ID_BYTES, MAX_SUM
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, require

_MAX_CODE = 64
_MAX_ACCOUNT = 64
_MAX_LISTED = 100_000
"""Accounts or ids in one answer: more than fit into its bytes."""


@dataclass(frozen=True, slots=True)
class BankBooks:
    """A bank's books at one moment, in tiyn.

    ``position``: what it has at the central bank; ``own``: what is the bank's, less than 0 where it is short;
    ``accounts``: customers' balances, by account. ``fundings`` and ``redemptions``: by id, what the central bank may
    have booked before this bank.
    """

    position: int
    own: int
    accounts: Mapping[str, int]
    fundings: Mapping[bytes, int]
    redemptions: Mapping[bytes, int]


class BankOperator:
    """The calls of the key that a node's settings name as its operator's.

    Every one raises ``RemoteRefusal`` (the node refuses) or ``NoAnswer`` (nothing came, or nothing that can be read).
    """

    def __init__(self, service: Service, close: Callable[[], None] = lambda: None) -> None:
        self._service = service
        self._close = close

    def open_account(self, order: bytes, holder: str, *, category: int | None, opening: int) -> str:
        """The code that enrols the account's first device. ``category``: a shop's (ISO 18245), None for a person;
        ``opening``: tiyn that are booked onto it from the bank's own. ``RemoteRefusal``: ACCOUNT_SHORT."""
        kind = 0 if category is None else 1
        return self._code("/v1/customers", [order, holder, kind, category or 0, opening])

    def add_device(self, order: bytes, account: str) -> str:
        """The code that enrols one more device of an account. ``RemoteRefusal``: ACCOUNT_UNKNOWN, TOO_MANY."""
        return self._code("/v1/devices", [order, account])

    def books(self) -> BankBooks:
        """All of the books, as of now."""
        return read(self._service.get("/v1/books"), _books)

    def close(self) -> None:
        """Let go of the line. Again is success."""
        self._close()

    def _code(self, path: str, order: Cbor) -> str:
        return read(self._service.post(path, order), read_code)


def connect_operator(
    url: str,
    keystore: Keystore,
    alias: str,
    *,
    clock: Callable[[], int],
    random: Callable[[int], bytes],
    authority: Path | None = None,
) -> BankOperator:
    """The node at ``url``, for the key ``alias`` of ``keystore``. Calls are dated by ``clock`` (unix seconds).

    Opens nothing before the first call. ``authority`` as with `qalta.connect`. ``NoAnswer``: UNREACHABLE for what is no
    address; ``KeystoreError``; ``OSError``, ``ValueError``: no certificate in that file.
    """
    from ledger_sync.http.client import ServiceClient, by_authority

    service = ServiceClient(
        url,
        keystore.public_key(alias),
        lambda message: keystore.sign(alias, message),
        clock,
        random,
        connect=by_authority(authority),
    )
    return BankOperator(service, service.close)


def read_code(answer: Cbor) -> str:
    """An enrolment code as the node gives it. MALFORMED."""
    (code,) = codec.array(answer, 1)
    return codec.text(code, _MAX_CODE, least=1)


def _books(answer: Cbor) -> BankBooks:
    position, own, accounts, fundings, redemptions = codec.array(answer, 5)
    return BankBooks(
        _balance(position),
        _balance(own),
        {codec.text(account, _MAX_ACCOUNT): codec.uint(held, MAX_SUM) for account, held in _pairs(accounts)},
        {codec.octets(name, most=ID_BYTES): codec.uint(amount, MAX_SUM) for name, amount in _pairs(fundings)},
        {
            codec.octets(name, most=ID_BYTES): codec.uint(value, MAX_SUM)
            for name, value in _pairs(redemptions)
        },
    )


def _pairs(value: Cbor) -> list[tuple[Cbor, Cbor]]:
    found = []
    for item in codec.array(value, most=_MAX_LISTED):
        name, amount = codec.array(item, 2)
        found.append((name, amount))
    return found


def _balance(value: Cbor) -> int:
    """Tiyn, more or less than 0. MALFORMED."""
    require(type(value) is int and abs(value) <= MAX_SUM, Code.MALFORMED)
    return int(value)
