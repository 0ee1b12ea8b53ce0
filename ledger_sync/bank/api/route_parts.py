"""What the tables of the bank's routes have in common: the short forms of a route, and the call that takes a bundle."""

from __future__ import annotations

from typing import Final

from ledger_sync.bank.api.node import Node
from ledger_sync.bank.api.told_again import Upload, items_of
from ledger_sync.http.routes import CallerKind, Encoded, Handler, IncomingCall, Route
from wallet.protocol.bundle import Bundle
from wallet.protocol.codec import Cbor

_SMALL: Final = 4_096
"""Bytes of a body that holds no bundle."""
ROWS: Final = (
    "[* [txid, settlement / leaf / row of the leaf / null, first answered / null, [* consumption], evidence / null,"
    " outcome / null]]"
)


def take(node: Node, incoming: IncomingCall, uploader: str) -> Cbor | Encoded:
    """Take the bundle in, and answer for each of its transfers."""
    upload = Upload.of(incoming.body, uploader, incoming.reads)
    if (kept := node.told_again.get(upload)) is not None:
        incoming.charge(kept.items)
        node.context.metrics.batch("upload", kept.transfers)
        return Encoded(kept.answer)
    bundle = Bundle.from_cbor(incoming.value)
    incoming.charge(items_of(bundle))
    return node.upload(bundle, uploader, incoming.reads, upload)


def get(path: str, callers: frozenset[CallerKind], handler: Handler, about: str, gives: str) -> Route:
    return Route("GET", path, callers, handler, about, gives)


def post(
    path: str,
    callers: frozenset[CallerKind],
    handler: Handler,
    about: str,
    gives: str,
    takes: str,
    most: int = _SMALL,
) -> Route:
    return Route("POST", path, callers, handler, about, gives, takes, most)
