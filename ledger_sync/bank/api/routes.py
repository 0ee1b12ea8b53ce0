"""The bank's calls: who may make them, how their bodies read, what they answer.

Rule: anybody is told what is public, another bank what it shows that it is concerned by, the operator the books. A
customer's calls are `customer_routes`, those by which others hear what they once said `witness_routes`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ledger_sync.bank.accounts.customers import account_id
from ledger_sync.bank.api.customer_routes import CustomerCalls
from ledger_sync.bank.api.node import Node, attempt
from ledger_sync.bank.api.route_parts import ROWS, get, post, take
from ledger_sync.bank.api.witness_routes import WitnessCalls
from ledger_sync.bank.ports.customers import Customer
from ledger_sync.bank.ports.shares import uploader_of_bank
from ledger_sync.bank.startup import StartupGrace
from ledger_sync.http.reading import readable
from ledger_sync.http.routes import CallerKind, Encoded, IncomingCall, Route
from ledger_sync.http.texts import plain_text
from ledger_sync.service.policy_cache import PolicyCache
from wallet.protocol import codec, cose
from wallet.protocol.bounds import (
    FUNDING_ID_BYTES,
    ID_BYTES,
    MAX_NAME_BYTES,
    MAX_SEQUENCE,
)
from wallet.protocol.bundle import MAX_BUNDLE_BYTES
from wallet.protocol.certificate import WalletKind
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.transfer import Transfer

_MAX_CATEGORY: Final = 9_999
_ACCOUNT_CHARACTERS: Final = 32

_PUBLIC: Final = frozenset({CallerKind.PUBLIC})
_BANK: Final = frozenset({CallerKind.BANK})
_CENTRAL_BANK: Final = frozenset({CallerKind.CENTRAL_BANK})
_OPERATOR: Final = frozenset({CallerKind.OPERATOR})
_ROOMS: Final = {
    "/v1/uploads": "uploads",
    "/v1/relays": "relays",
    "/v1/fundings": "fundings",
    "/v1/certificates": "news",
    "/v1/customers": "news",
    "/v1/books": "news",
}
"""What may wait for notary or central bank, each beside the others; nothing else waits for anybody."""


class BankCalls:
    """Handlers of the route table. ``poke`` wakes the worker after calls that leave it something to do."""

    def __init__(
        self, node: Node, trust: PolicyCache, poke: Callable[[], None], beginning: StartupGrace
    ) -> None:
        self._node = node
        self._trust = trust
        self._poke = poke
        self._beginning = beginning

    def routes(self) -> tuple[Route, ...]:
        customers = CustomerCalls(self._node, self._trust, self._poke).routes()
        witness = WitnessCalls(self._node, self._poke).routes()
        table = (*self._public(), *customers, *self._ledger(), *self._operators(), *witness)
        return tuple(replace(route, room=_ROOMS.get(route.path, "")) for route in table)

    def _public(self) -> tuple[Route, ...]:
        return (
            get(
                "/v1/root",
                _PUBLIC,
                self._root,
                "The root key and directory",
                "[root key, bstr .cbor directory]",
            ),
            get("/v1/directory", _PUBLIC, self._directory, "The signed directory", "bstr .cbor directory"),
            get(
                "/v1/directories",
                _PUBLIC,
                lambda incoming: readable(self._trust.published(), incoming.reads).to_cbor(),
                "The signed directory in every form, and how the roots have handed over",
                "[[* directory], [* [directory by the old root, by the new]]]",
            ),
            get(
                "/v1/base",
                _PUBLIC,
                lambda _incoming: self._trust.base(),
                "Where a wallet begins that holds no policy",
                "[policy-base, [* [revocation id, reason]]]",
            ),
            get("/v1/policy", _PUBLIC, self._policy, "Policy later than ?since=", "[head / null, [* delta]]"),
        )

    def _ledger(self) -> tuple[Route, ...]:
        return (
            post("/v1/relays", _BANK, self._relay, "Pass fragments on", ROWS, "bundle", MAX_BUNDLE_BYTES),
            get(
                "/v1/transfers/{id}",
                _CENTRAL_BANK,
                self._show,
                "A signed transfer at hand",
                "[transfer, certificate]",
            ),
            post(
                "/v1/rivals",
                _BANK,
                self._show_rival,
                "A signed transfer at hand, for who shows it, or one of its signer's that consumes the same",
                "[transfer, certificate]",
                "[txid, transfer]",
            ),
        )

    def _operators(self) -> tuple[Route, ...]:
        return (
            post(
                "/v1/customers",
                _OPERATOR,
                self._open,
                "Open an account",
                "[enrolment code]",
                "[id, name, kind, category, opening amount]",
            ),
            post(
                "/v1/devices",
                _OPERATOR,
                self._add_device,
                "Let an account have one more device",
                "[enrolment code]",
                "[id, account]",
            ),
            get(
                "/v1/books",
                _OPERATOR,
                self._books,
                "The bank's books",
                "[position, own, [* [account, balance]], [* [funding, amount]], [* [redemption, value]]]",
            ),
        )

    # public

    def _root(self, incoming: IncomingCall) -> Cbor:
        return [self._trust.directory.root, self._trust.directory_for(incoming.reads).encode()]

    def _directory(self, incoming: IncomingCall) -> Cbor:
        return self._trust.directory_for(incoming.reads).encode()

    def _policy(self, incoming: IncomingCall) -> Encoded:
        return self._trust.encoded_since(incoming.number("since", MAX_SEQUENCE))

    def _relay(self, incoming: IncomingCall) -> Cbor | Encoded:
        return take(self._node, incoming, uploader_of_bank(incoming.caller.name))

    # banks and central bank

    def _show(self, incoming: IncomingCall) -> Cbor:
        """To the central bank, which challenges: BUSY where it may have been forgotten, as long as it may come back."""
        try:
            return self._shown(self._node.copy_of(incoming.octets("id", ID_BYTES)))
        except Refusal as refusal:
            if refusal.code is Code.NOT_FOUND and not self._beginning.is_over:
                raise Refusal(Code.BUSY) from refusal
            raise

    def _show_rival(self, incoming: IncomingCall) -> Cbor:
        """Only to who has it itself, and may lack its certificate, or lost a token to it: what signed the one cannot be
        had but from who signed the other."""
        txid, value = codec.array(incoming.value, 2)
        rival = cose.from_cbor(Transfer, value)
        found = self._node.copy_of(codec.octets(txid, ID_BYTES))
        if found is not None:
            transfer, signer = found
            concerned = bool(set(transfer.body.inputs) & set(rival.body.inputs))
            require(concerned and rival.signed_by(self._node.context.key(signer)), Code.EVIDENCE_INVALID)
        return self._shown(found)

    def _shown(self, found: tuple[Signed[Transfer], bytes] | None) -> Cbor:
        certificate = (
            None if found is None else self._node.objects.certificates.covering(found[1], found[0].body.time)
        )
        if found is None or certificate is None:
            raise Refusal(Code.NOT_FOUND)
        return [found[0].to_cbor(), certificate.to_cbor()]

    # the operator

    def _open(self, incoming: IncomingCall) -> Cbor:
        cause, name, kind, category, opening = codec.array(incoming.value, 5)
        customer = Customer(
            account_id(codec.octets(cause)),
            plain_text(name, MAX_NAME_BYTES, least=1),
            WalletKind(codec.uint(kind, max(WalletKind))),
            codec.uint(category, _MAX_CATEGORY),
        )
        amount = codec.amount(opening, least=0)
        try:
            return [self._node.customers.open(cause, customer, amount)]
        except Refusal as refusal:
            if refusal.code is not Code.ACCOUNT_SHORT:
                raise
            attempt("movements", self._node.movements.follow)
            return [self._node.customers.open(cause, customer, amount)]

    def _add_device(self, incoming: IncomingCall) -> Cbor:
        cause, account = codec.array(incoming.value, 2)
        return [
            self._node.customers.add_device(
                codec.octets(cause, FUNDING_ID_BYTES), plain_text(account, _ACCOUNT_CHARACTERS, least=1)
            )
        ]

    def _books(self, _incoming: IncomingCall) -> Cbor:
        attempt("movements", self._node.movements.follow)
        return self._node.books()
