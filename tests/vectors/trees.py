"""Vectors of what is signed in a tree: each form, each rule of its headers and paths broken, what nobody signed, and
evidence against a notary that said two things."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any

from tests.support.logs import Log
from tests.support.vectors import Vector
from tests.support.world import NOW, ORDER, Key
from tests.vectors.forms import Cases
from tests.vectors.good import WORLD, in_world
from wallet.protocol import codec, cose
from wallet.protocol.batch import Group, sign_batch, sign_head, together
from wallet.protocol.bounds import MAX_LOG_LEAVES
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code
from wallet.protocol.cose import Body, Signed
from wallet.protocol.leaf import Extent, Leaf, Path
from wallet.protocol.log import Growth
from wallet.protocol.merkle import path_length
from wallet.protocol.notary_evidence import NotaryEvidence, TwoConsumers, TwoEntries, TwoHistories
from wallet.protocol.settlement import Commit2, Consumption, Consumption2, Settlement, Settlement2, Verdict
from wallet.protocol.transfer import TokenRef

ALATAU, REDEMPTION, NOTARY = WORLD.bank_key("alatau"), WORLD.redemption, WORLD.notary
THEN = NOW + 70
"""When heads are signed, unless it is said otherwise."""
AT_396, EXTENT, WITHIN = 396, -70_002, -70_003


def name_of(number: int) -> bytes:
    return sha256(b"%d" % number).digest()


def salt_of(number: int) -> bytes:
    return sha256(b"salt %d" % number).digest()[:16]


def verdict(number: int, **changes: Any) -> Settlement2:
    body = Settlement2(
        bank="alatau",
        transfer=name_of(number),
        verdict=Verdict.SETTLED,
        values=(100 + number, number),
        code=None,
        time=NOW + 62,
        salt=salt_of(number),
    )
    return replace(body, **changes)


def commit(number: int, bank: str = "alatau") -> Commit2:
    return Commit2(bank, name_of(number), (TokenRef(name_of(number), 1),), NOW + 60, salt_of(number))


def said(number: int, consumer: int | None = None, bank: str = "alatau") -> Consumption2:
    by = name_of(number + 1 if consumer is None else consumer)
    return Consumption2(by, bank, NOW + 61, (TokenRef(name_of(number), 0),), salt_of(number))


def grown(*more: Consumption2, number: int = 0) -> Log:
    """A log of five leaves, the third of which has three statements, and these."""
    log = Log(NOTARY, number)
    log.append([said(0)], [said(1)], [said(2), said(3), said(4)], [said(5)], [said(6)])
    log.append(*([statement] for statement in more))
    return log


BATCH = sign_batch(
    [
        [verdict(0)],
        [verdict(1), verdict(2), verdict(3)],
        [verdict(4)],
        [verdict(5), verdict(6)],
        [verdict(7)],
    ],
    THEN,
    ALATAU.sign,
)
LOG = grown()
HEAD = LOG.head(THEN)
ONE = BATCH[2][0]
OF_GROUP = BATCH[1][2]
STATEMENT = LOG.shown(2, HEAD)[1]


def highest(body: Body, by: Key, extent: Extent) -> Signed[Body]:
    """An object at the last place of a tree and of the largest group."""
    payload = codec.encode(body.to_cbor())
    path, within = (
        Path(size, size - 1, tuple(name_of(at) for at in range(path_length(size - 1, size))))
        for size in (extent.size, 4_096)
    )
    leaf = Leaf(extent, path, within)
    signature = sign_head(body.KIND, extent, leaf.root(payload), by.sign)
    return Signed(body, payload, signature, cose.object_id(body.KIND, payload), leaf)


def valid() -> dict[str, Vector]:
    """Valid ones by name, without their meaning."""
    alone = sign_batch(
        [[verdict(9, verdict=Verdict.REFUSED, values=(), code=Code.HOP_LIMIT)]], THEN, ALATAU.sign
    )
    commits = sign_batch([[commit(number) for number in range(5)]], THEN, ALATAU.sign)
    refund = sign_batch([[commit(9, "")]], THEN, REDEMPTION.sign)
    later = grown(said(7), said(8))
    other = grown(said(107), said(108), said(109))
    most = highest(verdict(0, time=2**32 - 1), ALATAU, Extent(65_536, 2**32 - 1))
    longest = highest(said(0), NOTARY, Extent(MAX_LOG_LEAVES, 2**32 - 1, 2**32 - 1))
    made = {
        "settlement-2": ("settlement-2", ONE.encode(), "a leaf of a batch of five"),
        "settlement-2-of-a-group": ("settlement-2", OF_GROUP.encode(), "the last of three in a leaf"),
        "settlement-2-only-one": ("settlement-2", alone[0][0].encode(), "a batch of one: no hashes; refused"),
        "settlement-2-highest": (
            "settlement-2",
            most.encode(),
            "the last place of the largest batch and group",
        ),
        "commit-2": ("commit-2", commits[0][3].encode(), "of a batch of one leaf"),
        "commit-2-refund": ("commit-2", refund[0][0].encode(), "the central bank itself"),
        "consumption-2": ("consumption-2", LOG.shown(3, HEAD)[0].encode(), "in the notary's log"),
        "consumption-2-of-a-group": ("consumption-2", STATEMENT.encode(), "the second of three in a leaf"),
        "consumption-2-later-head": (
            "consumption-2",
            later.shown(3, later.head(THEN + 9))[0].encode(),
            "the same as before, under a later head",
        ),
        "consumption-2-highest": (
            "consumption-2",
            longest.encode(),
            "the last place of the largest log and group",
        ),
        "leaf-settlements": ("leaf", codec.encode(together(BATCH[1])), "three verdicts at once"),
        "leaf-commits": ("leaf", codec.encode(together(commits[0])), "a whole batch at once"),
        "leaf-consumptions": ("leaf", codec.encode(together(LOG.shown(2, HEAD))), "three statements at once"),
        "log-head": (
            "log-head",
            codec.encode(HEAD.to_cbor()),
            "the head that consumptions above stand under",
        ),
        "notary-evidence-consumers": (
            "notary-evidence",
            codec.encode(_consumers().to_cbor()),
            "a reference for two",
        ),
        "notary-evidence-entries": ("notary-evidence", codec.encode(_entries().to_cbor()), "an index twice"),
        "notary-evidence-histories": (
            "notary-evidence",
            codec.encode(_histories().to_cbor()),
            "two heads, and what the notary answered",
        ),
        "notary-evidence-one-size": (
            "notary-evidence",
            codec.encode(_histories(of_one_size=True).to_cbor()),
            "two heads of one size",
        ),
    }
    found = {name: in_world(kind, raw, note) for name, (kind, raw, note) in made.items()}
    heads = {size: later.head(THEN + size, size) for size in (4, 5, 7)}
    for name, first, second, growth in (
        ("growth", 5, 7, later.growth(5, 7)),
        ("growth-of-a-whole-tree", 4, 7, later.growth(4, 7)),
        ("growth-of-nothing", 7, 7, later.growth(7, 7)),
    ):
        found[name] = _of_growth(growth, heads[first].to_cbor(), heads[second].to_cbor(), "it went on")
    fork = other.head(THEN)
    found["growth-of-another-history"] = _of_growth(
        other.growth(7, 8), heads[7].to_cbor(), fork.to_cbor(), "at size 7 it had another root: evidence"
    )
    return found


def _first(body: Settlement2) -> Settlement:
    return Settlement.from_cbor(body.to_cbor()[1:])


def _of_growth(growth: Growth, older: Cbor, newer: Cbor, note: str) -> Vector:
    heads = {"older": codec.encode(older), "newer": codec.encode(newer)}
    return in_world("growth", codec.encode(growth.to_cbor()), note, **heads)


def _ordered(*statements: Signed[Consumption]) -> tuple[Signed[Consumption], Signed[Consumption]]:
    first, second = sorted(statements, key=lambda item: item.id)
    return first, second


def _consumers() -> TwoConsumers:
    other = cose.sign(Consumption(name_of(99), "alatau", NOW, said(3).refs), NOTARY.sign)
    return TwoConsumers(*_ordered(STATEMENT, other))


def _entries() -> TwoEntries:
    one, other = grown(said(7)), grown(said(107), said(108))
    return TwoEntries(*_ordered(one.shown(5, one.head(THEN))[0], other.shown(5, other.head(THEN))[0]))


def _histories(*, of_one_size: bool = False) -> TwoHistories:
    one, other = grown(said(7)), grown(said(107), said(108))
    newer = other.head(THEN, 6 if of_one_size else 7)
    growth = None if of_one_size else other.growth(6, 7)
    found = TwoHistories.of(one.head(THEN), newer, growth)
    assert found is not None
    return found


# What is wrong.


def _sealed(
    body: Cbor = None,
    *,
    typ: str = "qsa2",
    by: Key = ALATAU,
    header: dict[int, Cbor] | None = None,
    unprotected: Cbor = None,
    raw_path: bytes | None = None,
    size: int = 1,
    index: int = 0,
    hashes: tuple[bytes, ...] = (),
) -> bytes:
    """A verdict in a tree, well signed, with whatever headers: over the root that its path would lead to."""
    payload = codec.encode(ONE.body.to_cbor() if body is None else body)
    protected = codec.encode({1: -7, 16: typ, 395: 1, EXTENT: [size, THEN], **(header or {})})
    path = codec.encode([size, index, list(hashes)]) if raw_path is None else raw_path
    beside = {AT_396: {-1: [path]}} if unprotected is None else unprotected
    root = Group.read((ONE.body,), (payload,)).leaf
    signature = by.sign(codec.encode(["Signature1", protected, b"", root]))
    return codec.encode([protected, beside, payload, signature])


def _changed(signed: Signed[Any], **changes: Any) -> bytes:
    """The same with another place."""
    return replace(signed, leaf=replace(signed.leaf, **changes)).encode()  # type: ignore[type-var]


def _without(at: int) -> Cbor:
    body = ONE.body.to_cbor()
    return [*body[:at], *body[at + 1 :]]


def cases() -> Cases:
    """Invalid ones by code."""
    found: Cases = {}
    for code, kind, name, raw in (*_shapes(), *_leaves(), *_unsigned(), *_logs()):
        found.setdefault(code, []).append((name, in_world(kind, raw, name.replace("-", " "))))
    later, other = grown(said(7), said(8)), grown(said(107))
    for name, growth in (
        ("other-sizes", later.growth(5, 6)),
        ("cut", replace(later.growth(5, 7), path=later.growth(5, 7).path[:-1])),
        ("root-of-the-older-put-in", replace(other.growth(5, 6), first=5, second=7, root=HEAD.root)),
    ):
        made = _of_growth(growth, HEAD.to_cbor(), later.head(THEN).to_cbor(), name)
        found.setdefault(Code.LOG_UNPROVED, []).append((f"growth-{name}", made))
    of_another = _of_growth(
        later.growth(5, 7),
        grown(number=1).head(THEN).to_cbor(),
        later.head(THEN).to_cbor(),
        "heads of two logs",
    )
    found[Code.LOG_UNPROVED].append(("growth-of-two-logs", of_another))
    none = codec.encode([bytes(32), codec.encode([0, 7, []])])
    made = in_world("growth", none, "from nothing", older=HEAD.to_cbor()[2], newer=HEAD.to_cbor()[2])
    found.setdefault(Code.MALFORMED, []).append(("growth-from-nothing", made))
    return found


Listed = list[tuple[Code, str, str, bytes]]


def _shapes() -> Listed:
    """Headers, paths and bodies."""
    path = codec.encode([1, 0, []])
    two = {AT_396: {-1: [codec.encode([1, 0, []])] * 2}}
    inner = codec.encode([1, 0, []])
    long = tuple(bytes(32) for _ in range(3))
    malformed: dict[str, bytes] = {
        "header-without-structure": _with_header({1: -7, 16: "qsa2", EXTENT: [1, THEN]}),
        "header-structure-2": _sealed(header={395: 2}),
        "header-structure-true": _sealed(header={395: True}),
        "header-without-extent": _with_header({1: -7, 16: "qsa2", 395: 1}),
        "header-and-more": _sealed(header={4: b"kid"}),
        "header-of-one-alone": _with_header({1: -7, 16: "qsa2"}),
        "extent-of-a-log": _sealed(header={EXTENT: [1, THEN, 0]}),
        "extent-empty-tree": _sealed(header={EXTENT: [0, THEN]}),
        "extent-too-large": _sealed(header={EXTENT: [65_537, THEN]}),
        "extent-other-size": _sealed(header={EXTENT: [2, THEN]}),
        "unprotected-empty": _sealed(unprotected={}),
        "unprotected-and-more": _sealed(unprotected={4: b"", AT_396: {-1: [path]}}),
        "proofs-of-consistency": _sealed(unprotected={AT_396: {-2: [path]}}),
        "proofs-none": _sealed(unprotected={AT_396: {-1: []}}),
        "proofs-two": _sealed(unprotected=two),
        "proof-no-bytes": _sealed(unprotected={AT_396: {-1: [[1, 0, []]]}}),
        "path-index-is-size": _sealed(raw_path=codec.encode([1, 1, []])),
        "path-too-long": _sealed(size=4, index=1, hashes=long),
        "path-too-short": _sealed(size=4, index=1, hashes=long[:1]),
        "path-hash-short": _sealed(size=2, index=1, hashes=(bytes(31),)),
        "path-two-fields": _sealed(raw_path=codec.encode([1, 0])),
        "within-of-one": _sealed(unprotected={AT_396: {-1: [path]}, WITHIN: inner}),
        "within-too-many": _sealed(
            unprotected={AT_396: {-1: [path]}, WITHIN: codec.encode([4_097, 0, [bytes(32)] * 13])}
        ),
        "salt-short": _sealed([salt_of(0)[1:], *_without(0)]),
        "salt-text": _sealed(["x" * 16, *_without(0)]),
        "no-salt": _sealed(_without(0)),
        "payload-null": codec.encode([*_decoded(_sealed())[:2], None, _decoded(_sealed())[3]]),
        "signature-short": codec.encode([*_decoded(_sealed())[:3], bytes(63)]),
    }
    made: Listed = [(Code.MALFORMED, "settlement-2", f"tree-{name}", raw) for name, raw in malformed.items()]
    high = ORDER - int.from_bytes(ONE.signature[32:], "big")
    return [
        *made,
        (Code.MALFORMED_CBOR, "settlement-2", "tree-tagged", b"\xd2" + ONE.encode()),
        (Code.NOT_CANONICAL, "settlement-2", "tree-path", _sealed(raw_path=b"\x83\x18\x01\x00\x80")),
        (Code.MALFORMED_CBOR, "settlement-2", "tree-path", _sealed(raw_path=b"\x83\x01\x00")),
        (Code.TIME_INVALID, "settlement-2", "tree-extent", _sealed(header={EXTENT: [1, 2**32]})),
        (Code.ALGORITHM_UNKNOWN, "settlement-2", "tree", _sealed(header={1: -8})),
        (Code.VERSION_UNKNOWN, "settlement-2", "tree-settlement-3", _sealed(typ="qsa3")),
        (Code.KIND_UNEXPECTED, "settlement-2", "tree-commit-for-a-settlement", _commit_alone()),
        (Code.VERSION_UNKNOWN, "settlement", "tree-settlement-2-where-the-first-stands", ONE.encode()),
        (
            Code.SIGNATURE_HIGH_S,
            "settlement-2",
            "tree",
            replace(ONE, signature=ONE.signature[:32] + high.to_bytes(32, "big")).encode(),
        ),
        (
            Code.AMOUNT_INVALID,
            "settlement-2",
            "tree-value",
            _sealed([*ONE.body.to_cbor()[:4], [-1], None, NOW]),
        ),
    ]


def _decoded(raw: bytes) -> list[Cbor]:
    return codec.decode(raw, 1 << 20)  # type: ignore[no-any-return]


def _with_header(header: dict[int, Cbor]) -> bytes:
    _, *rest = _decoded(_sealed())
    return codec.encode([codec.encode(header), *rest])


def _commit_alone() -> bytes:
    return sign_batch([[commit(0)]], THEN, ALATAU.sign)[0][0].encode()


def _leaves() -> Listed:
    """Leaves at once."""
    protected, place, payloads, signature = _decoded(codec.encode(together(BATCH[1])))
    many = [b""] * 4_097
    inner = {**place, WITHIN: codec.encode([3, 0, [bytes(32)] * 2])}
    alone = _decoded(cose.sign(_first(verdict(0)), ALATAU.sign).encode())
    listed = {
        (Code.MALFORMED, "one"): [protected, place, payloads[:1], signature],
        (Code.MALFORMED, "none"): [protected, place, [], signature],
        (Code.MALFORMED, "within"): [protected, inner, payloads, signature],
        (Code.MALFORMED, "of-what-is-signed-alone"): [alone[0], {}, alone[2:3] * 2, alone[3]],
        (Code.MALFORMED, "payload-no-bytes"): [protected, place, [*payloads[:2], 1], signature],
        (Code.TOO_MANY, "many"): [protected, place, many, signature],
        (Code.DUPLICATE_ITEM, "twice"): [protected, place, [*payloads, payloads[0]], signature],
        (Code.SETTLEMENT_SIGNATURE, "one-too-few"): [protected, place, payloads[:2], signature],
        (Code.SETTLEMENT_SIGNATURE, "another-order"): [protected, place, payloads[::-1], signature],
    }
    return [(code, "leaf", f"leaf-{name}", codec.encode(value)) for (code, name), value in listed.items()]


def _unsigned() -> Listed:
    """Well-formed, and signed by nobody who should."""
    assert ONE.leaf is not None
    assert OF_GROUP.leaf is not None
    path, extent = ONE.leaf.path, ONE.leaf.extent
    wrong = replace(path, hashes=(*path.hashes[:-1], bytes(32)))
    three = sign_batch([[verdict(0)], [verdict(1)], [verdict(2)]], THEN, ALATAU.sign)[2][0]
    assert three.leaf is not None
    early = sign_batch([[verdict(0)]], NOW + 61, ALATAU.sign)[0][0]
    settlement = {
        "another-index": _changed(ONE, path=replace(path, index=3)),
        "another-hash": _changed(ONE, path=wrong),
        "another-time": _changed(ONE, extent=replace(extent, time=THEN + 1)),
        "another-size": _changed(three, extent=Extent(2, THEN), path=Path(2, 1, three.leaf.path.hashes)),
        "anothers-place": replace(ONE, leaf=BATCH[0][0].leaf).encode(),
        "out-of-its-group": _changed(OF_GROUP, within=None),
        "dated-after-its-head": early.encode(),
        "another-bank": sign_batch([[verdict(0)]], THEN, WORLD.bank_key("zhibek").sign)[0][0].encode(),
        "payload-alone": replace(ONE, signature=ALATAU.sign(_structure(ONE))).encode(),
    }
    commits = sign_batch([[commit(0)]], THEN, WORLD.bank_key("zhibek").sign)[0][0]
    unknown = sign_batch([[verdict(0, bank="nowhere")]], THEN, ALATAU.sign)[0][0]
    forged = Log(ALATAU)
    forged.append([said(0)])
    signed = [
        (Code.SETTLEMENT_SIGNATURE, "settlement-2", f"tree-{name}", raw) for name, raw in settlement.items()
    ]
    return [
        *signed,
        (Code.BANK_UNKNOWN, "settlement-2", "tree", unknown.encode()),
        (Code.AUTH_SIGNATURE, "commit-2", "tree-commit", commits.encode()),
        (
            Code.NOTARY_SIGNATURE,
            "consumption-2",
            "tree-by-a-bank",
            forged.shown(0, forged.head(THEN))[0].encode(),
        ),
        (Code.NOTARY_SIGNATURE, "consumption-2", "tree-another-log", _changed(STATEMENT, extent=_of_log(1))),
        (Code.NOTARY_SIGNATURE, "log-head", "head-by-a-bank", codec.encode(forged.head(THEN).to_cbor())),
        (Code.NOTARY_SIGNATURE, "log-head", "head-another-root", _head(root=bytes(32))),
    ]


def _structure(signed: Signed[Any]) -> bytes:
    """What is signed of one object alone, under this header."""
    header = _decoded(signed.encode())[0]
    return codec.encode(["Signature1", header, b"", signed.payload])


def _of_log(number: int) -> Extent:
    return replace(HEAD.extent, log=number)


def _head(**changes: Any) -> bytes:
    return codec.encode(replace(HEAD, **changes).to_cbor())


def _logs() -> Listed:
    """Heads and evidence."""
    protected, _, root, signature = HEAD.to_cbor()
    consumers, entries, histories = _consumers(), _entries(), _histories()
    one_size = _histories(of_one_size=True)
    of_batch = _decoded(ONE.encode())
    heads = {
        "place": [protected, {AT_396: {-1: []}}, root, signature],
        "root-short": [protected, {}, root[1:], signature],
        "log-without-number": [
            codec.encode({1: -7, 16: "qnc2", 395: 1, EXTENT: [5, THEN]}),
            {},
            root,
            signature,
        ],
    }
    later = grown(said(7))
    again = later.shown(2, later.head(THEN))[1]
    same = TwoConsumers(*_ordered(STATEMENT, cose.sign(_plain(STATEMENT.body), NOTARY.sign)))
    continued = TwoHistories(HEAD, later.head(THEN), later.growth(5, 6))
    swapped = TwoHistories(one_size.newer, one_size.older, Growth(one_size.older.root, 6, 6, ()))
    untrue: dict[str, NotaryEvidence] = {
        "consumers-unordered": TwoConsumers(consumers.second, consumers.first),
        "consumers-of-two-tokens": TwoConsumers(*_ordered(STATEMENT, LOG.shown(3, HEAD)[0])),
        "consumers-the-same": same,
        "entries-unordered": TwoEntries(entries.second, entries.first),
        "entries-of-a-group": TwoEntries(*_ordered(*LOG.shown(2, HEAD)[:2])),
        "entries-of-two-places": TwoEntries(*_ordered(STATEMENT, LOG.shown(3, HEAD)[0])),
        "entries-of-one-alone": TwoEntries(consumers.first, consumers.second),
        "entries-the-same": TwoEntries(STATEMENT, again),
        "histories-that-continue": continued,
        "histories-unordered": swapped,
        "histories-unproved": replace(histories, growth=replace(histories.growth, path=())),
        "histories-of-two-logs": replace(histories, older=grown(said(7), number=1).head(THEN)),
    }
    by_another = replace(histories, older=replace(histories.older, signature=ALATAU.sign(b"")))
    return [
        *((Code.MALFORMED, "log-head", f"head-{name}", codec.encode(value)) for name, value in heads.items()),
        (Code.KIND_UNEXPECTED, "log-head", "head-of-a-batch", codec.encode(of_batch)),
        *(
            (Code.EVIDENCE_INVALID, "notary-evidence", f"notary-{name}", codec.encode(evidence.to_cbor()))
            for name, evidence in untrue.items()
        ),
        (Code.MALFORMED, "notary-evidence", "notary-kind-6", codec.encode([6, *consumers.to_cbor()[1:]])),
        (Code.MALFORMED, "notary-evidence", "notary-kind-2", codec.encode([2, *consumers.to_cbor()[1:]])),
        (Code.NOTARY_SIGNATURE, "notary-evidence", "notary-head", codec.encode(by_another.to_cbor())),
    ]


def _plain(body: Consumption) -> Consumption:
    return Consumption(body.consumer, body.bank, body.time, body.refs)
