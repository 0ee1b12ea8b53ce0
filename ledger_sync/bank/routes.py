"""The bank's calls: who may make them, how their bodies read, what they answer.

Rule: a customer's call is about the account that its device key speaks for and no other; the account is never in
the body. Every list that a caller sends has a limit, checked as it is read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ledger_sync.bank.customers import Customer, account_id
from ledger_sync.bank.node import Node, attempt
from ledger_sync.bank.shares import uploader_of_bank, uploader_of_customer
from ledger_sync.bank.terms import MAX_ASKED
from ledger_sync.bank.witness_routes import WitnessCalls
from ledger_sync.http.routes import CallerKind, Encoded, Handler, Incoming, Route
from ledger_sync.http.trust import Trust
from wallet.protocol import codec, cose
from wallet.protocol.bounds import (
    FUNDING_ID_BYTES,
    ID_BYTES,
    KEY_BYTES,
    MAX_AMOUNTS,
    MAX_NAME_BYTES,
    MAX_SEQUENCE,
    MAX_SUM,
    NONCE_BYTES,
    SIGNATURE_BYTES,
)
from wallet.protocol.bundle import MAX_BUNDLE_BYTES, Bundle
from wallet.protocol.certificate import WalletKind
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, Refusal, require
from wallet.protocol.cose import Signed
from wallet.protocol.lifetime import redeem_until
from wallet.protocol.time_word import TimeWord
from wallet.protocol.transfer import Transfer

_SMALL: Final = 4_096
"""Bytes of a body that holds no bundle."""
_MAX_CURSOR: Final = 2**53
_MAX_CODE: Final = 32
_MAX_CATEGORY: Final = 9_999
_ACCOUNT_CHARACTERS: Final = 32

_PUBLIC: Final = frozenset({CallerKind.PUBLIC})
_NEWCOMER: Final = frozenset({CallerKind.NEWCOMER})
_CUSTOMER: Final = frozenset({CallerKind.CUSTOMER})
_DEVICE: Final = frozenset({CallerKind.NEWCOMER, CallerKind.CUSTOMER})
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
_ROWS: Final = (
    "[* [txid, settlement / null, first answered / null, [* consumption], evidence / null, outcome / null]]"
)


class BankCalls:
    """Handlers of the route table. ``poke`` wakes the worker after calls that leave it something to do."""

    def __init__(self, node: Node, trust: Trust, poke: Callable[[], None]) -> None:
        self._node = node
        self._trust = trust
        self._poke = poke

    def routes(self) -> tuple[Route, ...]:
        witness = WitnessCalls(self._node, self._poke).routes()
        table = (*self._public(), *self._customers(), *self._ledger(), *self._operators(), *witness)
        return tuple(replace(route, room=_ROOMS.get(route.path, "")) for route in table)

    def _public(self) -> tuple[Route, ...]:
        return (
            _get(
                "/v1/root",
                _PUBLIC,
                self._root,
                "The root key and directory",
                "[root key, bstr .cbor directory]",
            ),
            _get("/v1/directory", _PUBLIC, self._directory, "The signed directory", "bstr .cbor directory"),
            _get(
                "/v1/base",
                _PUBLIC,
                lambda _incoming: self._trust.base(),
                "Where a wallet begins that holds no policy",
                "[policy-base, [* [revocation id, reason]]]",
            ),
            _get(
                "/v1/policy", _PUBLIC, self._policy, "Policy later than ?since=", "[head / null, [* delta]]"
            ),
        )

    def _customers(self) -> tuple[Route, ...]:
        return (
            _post(
                "/v1/enrolments",
                _NEWCOMER,
                self._enrol,
                "Let the signing device speak for an account",
                "[account, kind, name]",
                "[code, device key]",
            ),
            Route(
                "GET",
                "/v1/time",
                _DEVICE,
                self._time,
                "The bank's word on the time, for this ?nonce= (hex); the call may be dated anyhow",
                "time word",
                queries=("nonce",),
                is_undated=True,
            ),
            _get(
                "/v1/account",
                _CUSTOMER,
                self._account,
                "The caller's account",
                "[balance, name, kind, fundings]",
            ),
            _post(
                "/v1/certificates",
                _CUSTOMER,
                self._certify,
                "Certify an epoch key; policy later than ?since= comes along",
                "[certificate, [bstr .cbor directory, [head / null, [* delta]]]]",
                "[epoch key, running total, proof]",
            ),
            _post(
                "/v1/fundings",
                _CUSTOMER,
                self._fund,
                "Turn money of the account into tokens",
                "issuance",
                "[funding id, owner key, [1*32 amount]]",
            ),
            _post(
                "/v1/uploads", _CUSTOMER, self._upload, "Upload fragments", _ROWS, "bundle", MAX_BUNDLE_BYTES
            ),
            _post("/v1/verdicts", _CUSTOMER, self._verdicts, "Ask for verdicts", _ROWS, "[* txid]"),
            _post(
                "/v1/deliveries",
                _CUSTOMER,
                self._deliver,
                "What the ledger lists for the caller's keys",
                f"[cursor, bundle, {_ROWS}, ? 0 / 1: whether this bank remembers the cursor that was shown]",
                "[cursor, ? 1]; with a 1 it is asked whether the bank remembers the cursor",
            ),
            _post(
                "/v1/keys",
                _CUSTOMER,
                self._keys,
                "Which of the caller's own keys the ledger still knows something open of",
                "[* key]",
                "[* key]",
            ),
            _post(
                "/v1/possessions",
                _CUSTOMER,
                self._possessions,
                "Keys that the calling device had certified, after a key (empty at first), with what they signed",
                "[*256 [key, proof]]",
                "[key / h'']",
            ),
            _get(
                "/v1/losses",
                _CUSTOMER,
                self._at_loss,
                "What is known unspent on the account's other devices, and until when it can be redeemed there",
                "[tiyn, time / null]",
            ),
            _post(
                "/v1/losses",
                _CUSTOMER,
                self._lose,
                "Shut out the account's other devices; revoke its wallets, with a 1 but for the calling device's",
                "[]",
                "[? 1]",
            ),
        )

    def _ledger(self) -> tuple[Route, ...]:
        return (
            _post("/v1/relays", _BANK, self._relay, "Pass fragments on", _ROWS, "bundle", MAX_BUNDLE_BYTES),
            _get(
                "/v1/transfers/{id}",
                _CENTRAL_BANK,
                self._show,
                "A signed transfer at hand",
                "[transfer, certificate]",
            ),
            _post(
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
            _post(
                "/v1/customers",
                _OPERATOR,
                self._open,
                "Open an account",
                "[enrolment code]",
                "[id, name, kind, category, opening amount]",
            ),
            _post(
                "/v1/devices",
                _OPERATOR,
                self._add_device,
                "Let an account have one more device",
                "[enrolment code]",
                "[id, account]",
            ),
            _get(
                "/v1/books",
                _OPERATOR,
                self._books,
                "The bank's books",
                "[position, own, [* [account, balance]], [* [funding, amount]], [* [redemption, value]]]",
            ),
        )

    # public

    def _root(self, _incoming: Incoming) -> Cbor:
        return [self._trust.directory.root, self._trust.signed_directory.encode()]

    def _directory(self, _incoming: Incoming) -> Cbor:
        return self._trust.signed_directory.encode()

    def _policy(self, incoming: Incoming) -> Encoded:
        return self._trust.encoded_since(incoming.number("since", MAX_SEQUENCE))

    # customers

    def _time(self, incoming: Incoming) -> Cbor:
        house = self._node.house
        word = TimeWord(house.bank, incoming.octets("nonce", NONCE_BYTES), house.clock())
        return house.sign(word).to_cbor()

    def _enrol(self, incoming: Incoming) -> Cbor:
        code, device = codec.array(incoming.value, 2)
        require(codec.public_key(device) == incoming.caller.key, Code.AUTH_FORBIDDEN)
        customer = self._node.customers.enrol(codec.text(code, _MAX_CODE, least=1), incoming.caller.key)
        return [customer.id, int(customer.kind), customer.name]

    def _account(self, incoming: Incoming) -> Cbor:
        customer = self._node.customers.customer(incoming.caller.name)
        open_ones = [[funding, amount] for funding, amount in self._node.funding.open_ones(customer.id)]
        return [self._node.house.books.balance(customer.id), customer.name, int(customer.kind), open_ones]

    def _certify(self, incoming: Incoming) -> Cbor:
        key, total, proof = codec.array(incoming.value, 3)
        since = incoming.number("since", MAX_SEQUENCE)
        caller = incoming.caller
        self._node.refresh_trust()
        update = self._trust.update_since(since)
        certificate = self._node.certification.certify(
            caller.name,
            caller.key,
            codec.public_key(key),
            codec.uint(total, MAX_SUM),
            codec.octets(proof, SIGNATURE_BYTES),
            policy=None if update.head is None else update.head.body.limits,
        )
        news = [self._trust.signed_directory.encode(), update.to_cbor()]
        return [certificate.to_cbor(), news]

    def _fund(self, incoming: Incoming) -> Cbor:
        funding, owner, amounts = codec.array(incoming.value, 3)
        listed = [codec.amount(item) for item in codec.array(amounts, least=1, most=MAX_AMOUNTS)]
        try:
            issuance = self._node.fund(
                incoming.caller.name, codec.octets(funding, FUNDING_ID_BYTES), codec.public_key(owner), listed
            )
        finally:
            self._poke()
        return issuance.to_cbor()

    def _upload(self, incoming: Incoming) -> Cbor:
        return self._take(incoming, uploader_of_customer(incoming.caller.name))

    def _relay(self, incoming: Incoming) -> Cbor:
        return self._take(incoming, uploader_of_bank(incoming.caller.name))

    def _take(self, incoming: Incoming, uploader: str) -> Cbor:
        bundle = Bundle.from_cbor(incoming.value)
        try:
            return self._node.upload(bundle, uploader)
        finally:
            self._poke()

    def _verdicts(self, incoming: Incoming) -> Cbor:
        txids = [codec.octets(item, ID_BYTES) for item in codec.array(incoming.value, most=MAX_ASKED)]
        account = incoming.caller.name
        return self._node.answers.rows_for(account, txids)

    def _deliver(self, incoming: Incoming) -> Cbor:
        shown, *asked = codec.array(incoming.value, least=1, most=2)
        require(asked in ([], [1]), Code.MALFORMED)
        account, cursor = incoming.caller.name, codec.uint(shown, _MAX_CURSOR)
        deliveries = self._node.deliveries
        remembered: list[Cbor] = [int(deliveries.remembers(account, cursor))] if asked else []
        after, bundle, listed = deliveries.since(account, cursor)
        return [after, bundle.to_cbor(), self._node.answers.rows(listed), *remembered]

    def _keys(self, incoming: Incoming) -> Cbor:
        keys = [codec.public_key(item) for item in codec.array(incoming.value, most=MAX_ASKED)]
        return self._node.deliveries.keys_in_use(incoming.caller.name, keys)

    def _possessions(self, incoming: Incoming) -> Cbor:
        (after,) = codec.array(incoming.value, 1)
        device = incoming.caller.key
        return [
            list(row)
            for row in self._node.certification.possessions(device, codec.octets(after, most=KEY_BYTES))
        ]

    def _at_loss(self, incoming: Incoming) -> Cbor:
        caller = incoming.caller
        amount, expires = self._node.objects.unspent.on_other_devices(caller.name, caller.key)
        grace = self._trust.policy.head.grace
        return [amount, None if expires is None else redeem_until(expires, grace)]

    def _lose(self, incoming: Incoming) -> Cbor:
        """A 1 says that the calling device is not among the lost: its own wallets stay as they are."""
        said = [codec.uint(item, 1) for item in codec.array(incoming.value, most=1)]
        require(said in ([], [1]), Code.MALFORMED)
        caller = incoming.caller
        self._node.customers.close_other_devices(caller.name, caller.key)
        self._node.wallets.report_loss(caller.name, caller.key if said else b"")
        self._poke()
        return []

    # banks and central bank

    def _show(self, incoming: Incoming) -> Cbor:
        return self._shown(self._node.objects.any_copy(incoming.octets("id", ID_BYTES)))

    def _show_rival(self, incoming: Incoming) -> Cbor:
        """Only to who has it itself, and may lack its certificate, or lost a token to it: what signed the one cannot be
        had but from who signed the other."""
        txid, value = codec.array(incoming.value, 2)
        rival = cose.from_cbor(Transfer, value)
        found = self._node.objects.any_copy(codec.octets(txid, ID_BYTES))
        if found is not None:
            transfer, signer = found
            concerned = bool(set(transfer.body.inputs) & set(rival.body.inputs))
            require(concerned and rival.signed_by(signer), Code.EVIDENCE_INVALID)
        return self._shown(found)

    def _shown(self, found: tuple[Signed[Transfer], bytes] | None) -> Cbor:
        certificate = (
            None if found is None else self._node.objects.certificate_for(found[1], found[0].body.time)
        )
        if found is None or certificate is None:
            raise Refusal(Code.NOT_FOUND)
        return [found[0].to_cbor(), certificate.to_cbor()]

    # the operator

    def _open(self, incoming: Incoming) -> Cbor:
        cause, name, kind, category, opening = codec.array(incoming.value, 5)
        customer = Customer(
            account_id(codec.octets(cause)),
            codec.text(name, MAX_NAME_BYTES, least=1),
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

    def _add_device(self, incoming: Incoming) -> Cbor:
        cause, account = codec.array(incoming.value, 2)
        return [
            self._node.customers.add_device(
                codec.octets(cause, FUNDING_ID_BYTES), codec.text(account, _ACCOUNT_CHARACTERS, least=1)
            )
        ]

    def _books(self, _incoming: Incoming) -> Cbor:
        attempt("movements", self._node.movements.follow)
        return self._node.books()


def _get(path: str, callers: frozenset[CallerKind], handler: Handler, about: str, gives: str) -> Route:
    return Route("GET", path, callers, handler, about, gives)


def _post(
    path: str,
    callers: frozenset[CallerKind],
    handler: Handler,
    about: str,
    gives: str,
    takes: str,
    most: int = _SMALL,
) -> Route:
    return Route("POST", path, callers, handler, about, gives, takes, most)
