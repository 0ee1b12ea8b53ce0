"""Vectors of what grows: second forms, roles and algorithms that a reader does not know, attachments."""

from __future__ import annotations

from dataclasses import replace

from tests.support.vectors import Vector
from tests.support.world import DAY, NOW, Key
from tests.vectors.bad import signed
from tests.vectors.forms import Cases
from tests.vectors.good import DEAL, WORLD, in_world, payee, update, vector
from wallet.protocol import codec, cose
from wallet.protocol.attachments import Attachment
from wallet.protocol.batch import sign_head
from wallet.protocol.bundle import Bundle
from wallet.protocol.codec import Cbor
from wallet.protocol.codes import Code
from wallet.protocol.contact import contact_beside
from wallet.protocol.directory import DirectoryBody2, KeyChange, KeyEntry, Role
from wallet.protocol.handover import Handover, Published
from wallet.protocol.keys import PublicKey, UnknownAlgorithm, p256
from wallet.protocol.leaf import Extent
from wallet.protocol.log import KIND, LogHead
from wallet.protocol.parts import role_of
from wallet.protocol.policy import PolicyDelta
from wallet.protocol.settlement import Consumption
from wallet.protocol.transfer import TokenRef

ORACLE, ML_DSA_65 = 9, -49
SINCE = NOW - 365 * DAY


def body_2(**changes: object) -> DirectoryBody2:
    """What the world's directory says, in its second form."""
    first = WORLD.signed_directory().body
    made = DirectoryBody2(1, first.time, first.banks, first.roles, p256(WORLD.root.public))
    return replace(made, **changes)  # type: ignore[arg-type]


def directory_2(body: DirectoryBody2, by: Key = WORLD.root) -> bytes:
    return cose.sign(body, by.sign).encode()


def unknown_to_today() -> DirectoryBody2:
    """A role and an algorithm that nobody knows yet, beside those that all know."""
    later = KeyEntry(PublicKey(UnknownAlgorithm(ML_DSA_65), bytes(1_952)), SINCE)
    roles = dict(WORLD.signed_directory().body.roles)
    roles[Role.NOTARY] = (*roles[Role.NOTARY], later)
    return body_2(roles={**roles, ORACLE: (KeyEntry(p256(Key.of("oracle").public), SINCE), later)})


def role_change(role: int) -> PolicyDelta:
    entry = KeyEntry(p256(Key.of("oracle").public), NOW)
    return PolicyDelta(1, NOW, (), (), (KeyChange(role, "", "", entry),))


WEST, EAST, NORTH = (Key.of(f"notary of the {name}") for name in ("west", "east", "north"))
SPLIT = NOW - 10 * DAY
"""When the parts begin: 0, and 1, of which 11 is another's a day later."""


def in_parts() -> DirectoryBody2:
    """References are split; those who know no parts find all keys among the notary's."""
    first, roles = p256(WORLD.notary.public), dict(WORLD.signed_directory().body.roles)
    west, east = (KeyEntry(p256(key.public), SPLIT) for key in (WEST, EAST))
    north = KeyEntry(p256(NORTH.public), SPLIT + DAY)
    roles[Role.NOTARY] = (KeyEntry(first, SINCE), west, east, north)
    parts = {role_of("0"): (west,), role_of("1"): (east,), role_of("11"): (north,)}
    return body_2(roles={**roles, **parts})


def said_in_parts(by: Key, *firsts: int, time: int = NOW) -> bytes:
    """A consumption of references whose ids begin with these bytes."""
    refs = tuple(TokenRef(bytes([first]) + bytes(31), 0) for first in sorted(firsts))
    return cose.sign(Consumption(bytes(32), "alatau", time, refs), by.sign).encode()


def _head_of(by: Key) -> bytes:
    extent, root = Extent(1, NOW, 7), bytes(32)
    return codec.encode(LogHead(extent, root, sign_head(KIND, extent, root, by.sign)).to_cbor())


def _in_parts(kind: str, raw: bytes, note: str) -> Vector:
    return vector(kind, raw, note, root=WORLD.root.public, directory=directory_2(in_parts()))


PARTS = {
    "west": (said_in_parts(WEST, 0x00, 0x7F), "both begin with 0"),
    "east": (said_in_parts(EAST, 0x80, 0xBF), "both begin with 10"),
    "north": (said_in_parts(NORTH, 0xC0, 0xFF), "both begin with 11, the longer prefix"),
    "east-before-north": (said_in_parts(EAST, 0x80, 0xFF, time=SPLIT + DAY - 1), "11 has not begun"),
    "whole-before": (said_in_parts(WORLD.notary, 0x00, 0xFF, time=SPLIT - 1), "no part has begun"),
}
NOT_PARTS = {
    "another": (said_in_parts(WEST, 0x80), "another decides what begins with 1"),
    "two": (said_in_parts(WEST, 0x00, 0x80), "nobody decides both"),
    "east-after-north": (said_in_parts(EAST, 0xFF, time=SPLIT + DAY), "11 has begun"),
    "whole-after": (said_in_parts(WORLD.notary, 0x00, time=SPLIT), "the part has begun"),
    "before": (said_in_parts(WEST, 0x00, time=SPLIT - 1), "its part has not begun"),
}


def _of_second_form(raw: bytes, note: str) -> Vector:
    return vector("directory-2", raw, note, root=WORLD.root.public)


def valid() -> dict[str, Vector]:
    """Valid ones by name, without their meaning."""
    few = {Role.ISSUING: body_2().roles[Role.ISSUING], Role.REDEMPTION: body_2().roles[Role.REDEMPTION]}
    unknown_role = cose.sign(role_change(ORACLE), WORLD.policy_key.sign)
    return {
        "directory-2-parts": _of_second_form(directory_2(in_parts()), "references are split among notaries"),
        **{f"consumption-part-{name}": _in_parts("consumption", *made) for name, made in PARTS.items()},
        "log-head-part": _in_parts("log-head", _head_of(NORTH), "of one part's log"),
        "payment-attachments": in_world(
            "payment", attached(*SOME), "of kinds that are not known: passed over", payee=payee(DEAL)
        ),
        "bundle-attachments": vector("bundle", bundled(*SOME), "of kinds that are not known: passed over"),
        "published-handovers": vector(
            "published", published(CHAIN), "two hand-overs, and both forms", root=WORLD.root.public
        ),
        "published-handovers-from-the-second": vector(
            "published", published(CHAIN), "held is the root in between", root=ROOTS[1].public
        ),
        "published-handovers-of-others": vector(
            "published",
            published((_handed(ROOTS[2], ROOTS[1], 2), *CHAIN)),
            "the first is by none that was held: passed over",
            root=WORLD.root.public,
        ),
        "contact": vector(
            "contact",
            contact_beside(DEAL.request, FRIEND.public, FRIEND.sign).content,
            "beside the request of the world's deal",
            request=DEAL.request.encode(),
        ),
        "directory-2": _of_second_form(
            directory_2(body_2()), "the second form: roles by number, and the root"
        ),
        "directory-2-unknown": _of_second_form(
            directory_2(unknown_to_today()),
            "a role and an algorithm that are not known: kept and passed over",
        ),
        "directory-2-few-roles": _of_second_form(
            directory_2(body_2(roles=few)), "a role that does not stand there has no keys"
        ),
        "policy-role-unknown": in_world(
            "policy", update(1, unknown_role), "a key for a role that is not known: kept and passed over"
        ),
    }


FRIEND = Key.of("contact key")
ROOTS = (WORLD.root, Key.of("second root"), Key.of("third root"))


def _handed(old: Key, new: Key, version: int, by: Key | None = None) -> Handover:
    body = body_2(version=version, root=p256(new.public))
    return Handover(cose.sign(body, old.sign), cose.sign(body, (by or new).sign))


CHAIN = (_handed(ROOTS[0], ROOTS[1], 2), _handed(ROOTS[1], ROOTS[2], 3))


def published(handovers: tuple[Handover, ...]) -> bytes:
    return codec.encode(Published((CHAIN[-1].new, WORLD.signed_directory()), handovers).to_cbor())


def attached(*attachments: Attachment) -> bytes:
    """The world's payment, with these."""
    return replace(DEAL.payment, attachments=attachments).encode()


def bundled(*attachments: Attachment) -> bytes:
    return replace(Bundle.of_payment(DEAL.payment), attachments=attachments).encode()


SOME = (Attachment("qzz1", b""), Attachment("qzz1", b"two"), Attachment("qzz2", b"one"))


def _beside(last: Cbor) -> bytes:
    return codec.encode([*DEAL.payment.to_cbor(), last])


def _altered(**changes: Cbor) -> bytes:
    """A directory of the second form with raw fields put in, signed all the same."""
    names = ("version", "time", "root", "banks", "roles")
    fields = dict(zip(names, body_2().to_cbor(), strict=True))
    return signed([(fields | changes)[name] for name in names], WORLD.root, "qbd2")


def cases() -> Cases:
    """Invalid ones by code."""
    found: Cases = {}
    for label, made in _invalid().items():
        code = Code(made.pop("code"))
        found.setdefault(code, []).append((label.removeprefix(code.value.replace("_", "-") + "-"), made))
    return found


def _invalid() -> dict[str, Vector]:
    issuing, policy, *rest = body_2().to_cbor()[4]
    entry = issuing[1][0]
    as_pair = [[-7, entry[0]], *entry[1:]]
    cases = [
        (Code.MALFORMED, "directory-2-roles-unsorted", _altered(roles=[policy, issuing, *rest]), "roles"),
        (Code.MALFORMED, "directory-2-role-twice", _altered(roles=[issuing, issuing]), "a role twice"),
        (Code.MALFORMED, "directory-2-role-zero", _altered(roles=[[0, [entry]], issuing]), "0 is for banks"),
        (Code.MALFORMED, "directory-2-role-high", _altered(roles=[[256, [entry]]]), "above 255"),
        (
            Code.MALFORMED,
            "directory-2-key-in-another-form",
            _altered(roles=[[1, [as_pair]]]),
            "ES256 as a pair",
        ),
        (
            Code.TOO_MANY,
            "directory-2-roles",
            _altered(roles=[[role, []] for role in range(1, 34)]),
            "33 roles",
        ),
        (Code.DUPLICATE_ITEM, "directory-2-key-twice", _altered(roles=[[1, [entry, entry]]]), "a key twice"),
        (
            Code.DIRECTORY_SIGNATURE,
            "directory-2-of-another-root",
            directory_2(body_2(root=p256(Key.of("another root").public))),
            "signed by the root held, and names another",
        ),
        (
            Code.VERSION_UNKNOWN,
            "directory-3",
            signed(body_2().to_cbor(), WORLD.root, "qbd3"),
            "a form that is not known yet",
        ),
    ]
    made = {
        f"{code.value}-{name}".replace("_", "-"): {**_of_second_form(raw, note), "code": code.value}
        for code, name, raw, note in cases
    }
    for name, (raw, note) in NOT_PARTS.items():
        case = _in_parts("consumption", raw, note)
        made[f"notary-signature-consumption-part-{name}"] = {**case, "code": Code.NOTARY_SIGNATURE.value}
    one, two, three = (item.to_cbor() for item in SOME)
    other = replace(CHAIN[0], new=cose.sign(replace(CHAIN[0].new.body, time=SINCE + 1), ROOTS[1].sign))
    broken = {
        "named-does-not-sign": (_handed(ROOTS[0], ROOTS[1], 2, by=ROOTS[2]), CHAIN[1]),
        "two-say-different-things": (other, CHAIN[1]),
        "version-falls": (_handed(ROOTS[0], ROOTS[1], 3), CHAIN[1]),
        "newest-by-another": (CHAIN[0],),
    }
    for name, chain in broken.items():
        case = vector("published", published(chain), name, root=WORLD.root.public)
        made[f"directory-signature-handover-{name}"] = {**case, "code": Code.DIRECTORY_SIGNATURE.value}
    contact = {
        "malformed-contact-request-short": signed([FRIEND.public, bytes(31)], FRIEND, "qck1"),
        "key-invalid-contact": signed([bytes(33), DEAL.request.id], FRIEND, "qck1"),
        "version-unknown-contact-2": signed([FRIEND.public, DEAL.request.id], FRIEND, "qck2"),
    }
    for label, raw in contact.items():
        code = next(code for code in Code if label.startswith(code.value.replace("_", "-")))
        case = vector("contact", raw, "no contact: passed over", request=DEAL.request.encode())
        made[label] = {**case, "code": code.value}
    beside = [
        (Code.MALFORMED, "none", []),
        (Code.MALFORMED, "unsorted", [two, one]),
        (Code.MALFORMED, "kind-empty", [["", b""]]),
        (Code.MALFORMED, "kind-long", [["q" * 17, b""]]),
        (Code.MALFORMED, "content-text", [["qzz1", "text"]]),
        (Code.DUPLICATE_ITEM, "twice", [one, one]),
        (Code.TOO_MANY, "many", [["qzz1", number.to_bytes(2, "big")] for number in range(65)]),
        (Code.TOO_LARGE, "large", [["qzz1", bytes(16_385)]]),
    ]
    for code, name, last in beside:
        label = f"{code.value}-attachments-{name}".replace("_", "-")
        made[label] = {**in_world("payment", _beside(last), name), "code": code.value}
    seven = codec.encode([*DEAL.payment.to_cbor(), [one], [three]])
    made["malformed-attachments-and-more"] = {
        **in_world("payment", seven, "seven fields"),
        "code": Code.MALFORMED.value,
    }
    high = codec.encode(role_change(ORACLE).to_cbor()).replace(b"\x84\x09", b"\x84\x19\x01\x00")
    changed = signed(codec.decode(high, len(high)), WORLD.policy_key, "qpd1")
    raw = codec.encode([WORLD.head(1).to_cbor(), [codec.decode(changed, len(changed))]])
    made["malformed-policy-role-high"] = {
        **in_world("policy", raw, "a role above 255"),
        "code": Code.MALFORMED.value,
    }
    return made
