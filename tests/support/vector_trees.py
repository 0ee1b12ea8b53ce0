"""How vectors of what is signed in a tree are judged: objects, leaves, heads, growth, evidence against the notary."""

from __future__ import annotations

from typing import Any

from tests.support import vector_fields
from wallet.protocol import codec
from wallet.protocol.batch import read_together, together
from wallet.protocol.bounds import MAX_OBJECT_BYTES
from wallet.protocol.bundle import MAX_PROOF_BYTES
from wallet.protocol.cose import Body, Signed
from wallet.protocol.directory import Directory
from wallet.protocol.log import Growth, LogHead, check_head, continues
from wallet.protocol.notary_evidence import parse_notary_evidence
from wallet.protocol.settlement import (
    COMMITS,
    CONSUMPTIONS,
    SETTLEMENTS,
    Commit,
    Consumption,
    Settlement,
    check_commit,
    check_consumption,
    check_settlement,
    read_commit,
    read_consumption,
    read_settlement,
)

Vector = dict[str, Any]
Meaning = dict[str, Any]
KINDS: tuple[type[Body], ...] = (*COMMITS, *CONSUMPTIONS, *SETTLEMENTS)


def _directory(vector: Vector) -> Directory:
    return Directory.open(bytes.fromhex(vector["directory"]), bytes.fromhex(vector["root"]))


def _means(signed: Signed[Body], raw: bytes) -> Meaning:
    assert signed.encode() == raw
    assert codec.encode(signed.body.to_cbor()) == signed.payload
    root = None if signed.leaf is None else signed.leaf.root(signed.payload).hex()
    return {"id": signed.id.hex(), "root": root, "fields": vector_fields.plain(signed.body)}


def _check(signed: Signed[Any], directory: Directory) -> None:
    match signed.body:
        case Commit():
            check_commit(signed, directory)
        case Consumption():
            check_consumption(signed, directory)
        case Settlement():
            check_settlement(signed, directory)


def judge_commit(raw: bytes, vector: Vector) -> Meaning:
    signed = codec.read(raw, MAX_OBJECT_BYTES, read_commit)
    check_commit(signed, _directory(vector))
    return _means(signed, raw)


def judge_consumption(raw: bytes, vector: Vector) -> Meaning:
    signed = codec.read(raw, MAX_OBJECT_BYTES, read_consumption)
    check_consumption(signed, _directory(vector))
    return _means(signed, raw)


def judge_settlement(raw: bytes, vector: Vector) -> Meaning:
    signed = codec.read(raw, MAX_OBJECT_BYTES, read_settlement)
    check_settlement(signed, _directory(vector))
    return _means(signed, raw)


def judge_leaf(raw: bytes, vector: Vector) -> Meaning:
    found = read_together(KINDS, codec.decode(raw, MAX_PROOF_BYTES))
    for signed in found:
        _check(signed, _directory(vector))
        assert read_together(KINDS, signed.to_cbor()) == (signed,)
    assert codec.encode(together(found)) == raw
    return {"ids": [signed.id.hex() for signed in found], "alone": found[-1].encode().hex()}


def _head(raw: bytes, directory: Directory) -> LogHead:
    head = codec.read(raw, MAX_OBJECT_BYTES, LogHead.from_cbor)
    check_head(head, directory)
    assert codec.encode(head.to_cbor()) == raw
    return head


def judge_head(raw: bytes, vector: Vector) -> Meaning:
    head = _head(raw, _directory(vector))
    return {"root": head.root.hex(), **vector_fields.plain(head.extent)}


def judge_growth(raw: bytes, vector: Vector) -> Meaning:
    directory = _directory(vector)
    growth = codec.read(raw, MAX_OBJECT_BYTES, Growth.from_cbor)
    assert codec.encode(growth.to_cbor()) == raw
    older, newer = (_head(bytes.fromhex(vector[name]), directory) for name in ("older", "newer"))
    return {"continues": continues(older, newer, growth)}


def judge_evidence(raw: bytes, vector: Vector) -> Meaning:
    evidence = parse_notary_evidence(raw)
    assert codec.encode(evidence.to_cbor()) == raw
    found = evidence.check(_directory(vector))
    return {"kind": type(evidence).__name__, "about": vector_fields.plain(found)}
