"""A customer's calls to its bank: who may make them, how their bodies read, what they answer.

Rule: a customer's call is about the account that its device key speaks for and no other; the account is never in
the body. Every list that a caller sends has a limit, checked as it is read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ledger_sync.bank.api.node import Node
from ledger_sync.bank.api.route_parts import ROWS, get, post, take
from ledger_sync.bank.ports.shares import uploader_of_customer
from ledger_sync.bank.terms import MAX_ASKED
from ledger_sync.http.routes import CallerKind, Encoded, IncomingCall, Route
from ledger_sync.http.texts import plain_text
from ledger_sync.service.policy_cache import PolicyCache
from wallet.protocol import codec
from wallet.protocol.bounds import (
    FUNDING_ID_BYTES,
    ID_BYTES,
    KEY_BYTES,
    MAX_AMOUNTS,
    MAX_SEQUENCE,
    MAX_SUM,
    NONCE_BYTES,
    SIGNATURE_BYTES,
)
from wallet.protocol.bundle import MAX_BUNDLE_BYTES
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code, require
from wallet.protocol.lifetime import redeem_until
from wallet.protocol.time_word import TimeWord

_MAX_CURSOR: Final = 2**53
_MAX_CODE: Final = 32
_NEWCOMER: Final = frozenset({CallerKind.NEWCOMER})
_CUSTOMER: Final = frozenset({CallerKind.CUSTOMER})
_DEVICE: Final = frozenset({CallerKind.NEWCOMER, CallerKind.CUSTOMER})


class CustomerCalls:
    """Handlers of these routes. ``poke`` wakes the workers after calls that leave them something to do."""

    def __init__(self, node: Node, trust: PolicyCache, poke: Callable[[], None]) -> None:
        self._node = node
        self._trust = trust
        self._poke = poke

    def routes(self) -> tuple[Route, ...]:
        return (
            post(
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
            get(
                "/v1/account",
                _CUSTOMER,
                self._account,
                "The caller's account",
                "[balance, name, kind, fundings]",
            ),
            post(
                "/v1/certificates",
                _CUSTOMER,
                self._certify,
                "Certify an epoch key; policy later than ?since= comes along",
                "[certificate, [bstr .cbor directory, [head / null, [* delta]]]]",
                "[epoch key, running total, proof]",
            ),
            post(
                "/v1/fundings",
                _CUSTOMER,
                self._fund,
                "Turn money of the account into tokens",
                "issuance",
                "[funding id, owner key, [1*32 amount]]",
            ),
            post(
                "/v1/uploads", _CUSTOMER, self._upload, "Upload fragments", ROWS, "bundle", MAX_BUNDLE_BYTES
            ),
            post("/v1/verdicts", _CUSTOMER, self._verdicts, "Ask for verdicts", ROWS, "[* txid]"),
            post(
                "/v1/deliveries",
                _CUSTOMER,
                self._deliver,
                "What the ledger lists for the caller's keys",
                f"[cursor, bundle, {ROWS}, ? 0 / 1: whether this bank remembers the cursor that was shown]",
                "[cursor, ? 1]; with a 1 it is asked whether the bank remembers the cursor",
            ),
            post(
                "/v1/keys",
                _CUSTOMER,
                self._keys,
                "Which of the caller's own keys the ledger still knows something open of",
                "[* key]",
                "[* key]",
            ),
            post(
                "/v1/possessions",
                _CUSTOMER,
                self._possessions,
                "Keys that the calling device had certified, after a key (empty at first), with what they signed",
                "[*256 [key, proof]]",
                "[key / h'']",
            ),
            Route(
                "GET",
                "/v1/losses",
                _CUSTOMER,
                self._at_loss,
                "What is known unspent on the account's other devices, until when it can be redeemed there, and with"
                " ?devices=1 how many of them speak for it",
                "[tiyn, time / null, ? devices]",
                queries=("devices",),
            ),
            post(
                "/v1/losses",
                _CUSTOMER,
                self._lose,
                "Shut out the account's other devices; revoke its wallets, with a 1 but for the calling device's",
                "[]",
                "[? 1]",
            ),
        )

    def _time(self, incoming: IncomingCall) -> Cbor:
        context = self._node.context
        word = TimeWord(context.bank, incoming.octets("nonce", NONCE_BYTES), context.clock())
        return context.sign(word).to_cbor()

    def _enrol(self, incoming: IncomingCall) -> Cbor:
        code, device = codec.array(incoming.value, 2)
        require(codec.public_key(device) == incoming.caller.key, Code.AUTH_FORBIDDEN)
        customer = self._node.customers.enrol(plain_text(code, _MAX_CODE, least=1), incoming.caller.key)
        return [customer.id, int(customer.kind), customer.name]

    def _account(self, incoming: IncomingCall) -> Cbor:
        customer = self._node.customers.customer(incoming.caller.name)
        open_ones = [[funding, amount] for funding, amount in self._node.funding.open_ones(customer.id)]
        return [self._node.context.books.balance(customer.id), customer.name, int(customer.kind), open_ones]

    def _certify(self, incoming: IncomingCall) -> Cbor:
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
        news = [self._trust.directory_for(incoming.reads).encode(), update.to_cbor()]
        return [certificate.to_cbor(), news]

    def _fund(self, incoming: IncomingCall) -> Cbor:
        funding, owner, amounts = codec.array(incoming.value, 3)
        listed = [codec.amount(item) for item in codec.array(amounts, least=1, most=MAX_AMOUNTS)]
        try:
            issuance = self._node.fund(
                incoming.caller.name, codec.octets(funding, FUNDING_ID_BYTES), codec.public_key(owner), listed
            )
        finally:
            self._poke()
        return issuance.to_cbor()

    def _upload(self, incoming: IncomingCall) -> Cbor | Encoded:
        return take(self._node, incoming, uploader_of_customer(incoming.caller.name))

    def _verdicts(self, incoming: IncomingCall) -> Cbor:
        txids = [codec.octets(item, ID_BYTES) for item in codec.array(incoming.value, most=MAX_ASKED)]
        account = incoming.caller.name
        return self._node.answers.rows_for(account, txids, incoming.reads)

    def _deliver(self, incoming: IncomingCall) -> Cbor:
        shown, *asked = codec.array(incoming.value, least=1, most=2)
        require(asked in ([], [1]), Code.MALFORMED)
        account, cursor = incoming.caller.name, codec.uint(shown, _MAX_CURSOR)
        deliveries = self._node.deliveries
        remembered: list[Cbor] = [int(deliveries.remembers(account, cursor))] if asked else []
        after, bundle, listed = deliveries.since(account, cursor)
        rows = self._node.answers.rows(listed, incoming.reads)
        return [after, bundle.to_cbor(), rows, *remembered]

    def _keys(self, incoming: IncomingCall) -> Cbor:
        keys = [codec.public_key(item) for item in codec.array(incoming.value, most=MAX_ASKED)]
        return self._node.keys_in_use(incoming.caller.name, keys)

    def _possessions(self, incoming: IncomingCall) -> Cbor:
        (after,) = codec.array(incoming.value, 1)
        device = incoming.caller.key
        return [
            list(row)
            for row in self._node.certification.possessions(device, codec.octets(after, most=KEY_BYTES))
        ]

    def _at_loss(self, incoming: IncomingCall) -> Cbor:
        caller = incoming.caller
        amount, expires = self._node.objects.unspent.on_other_devices(caller.name, caller.key)
        grace = self._trust.policy.head.grace
        known: list[Cbor] = [amount, None if expires is None else redeem_until(expires, grace)]
        if incoming.number("devices", 1):
            known.append(self._node.customers.count_other_devices(caller.name, caller.key))
        return known

    def _lose(self, incoming: IncomingCall) -> Cbor:
        """A 1 says that the calling device is not among the lost: its own wallets stay as they are."""
        said = [codec.uint(item, 1) for item in codec.array(incoming.value, most=1)]
        require(said in ([], [1]), Code.MALFORMED)
        caller = incoming.caller
        self._node.customers.close_other_devices(caller.name, caller.key)
        self._node.wallets.report_loss(caller.name, caller.key if said else b"")
        self._poke()
        return []
