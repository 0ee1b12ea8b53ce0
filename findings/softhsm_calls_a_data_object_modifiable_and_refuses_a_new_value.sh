#!/bin/sh
# SoftHSM says of a data object that it is modifiable, and refuses to change anything of it but its label.
#
# Where:   SoftHSM 2.6.1 (Debian 12: softhsm2 2.6.1-2.1), called by python-pkcs11 0.10.1.
# Valid:   a token data object made with CKA_MODIFIABLE true; C_SetAttributeValue in a read-write user session. By
#          PKCS#11 2.40 CKA_MODIFIABLE says whether an object can be modified (4.4), though tokens may do less (4.1.2).
# Guessed: CKA_VALUE is written anew in place, as one would keep a small counter or record in a token.
# Seen:    CKA_MODIFIABLE reads true and CKA_LABEL changes, while CKA_VALUE, CKA_APPLICATION and CKA_OBJECT_ID are
#          CKR_ATTRIBUTE_READ_ONLY; C_CopyObject with a new value is refused alike. The CKA_ID of a private key, which
#          holds as many bytes, does change.
# Why it matters: a record in a data object can only be destroyed and made anew: another file and another list of names
#          to flush at every step, and a moment between the two in which a careless program has none.
# Qalta's guard: hsm/token_record.py keeps the record in the ids of two marker keys, written over in turn;
#          tests/hsm/test_record.py counts what each step flushes.
#
# Runs without Qalta, in a folder of its own. Status: 0 as said above, 1 it has changed, 3 something is missing.
set -eu

missing() {
    echo "missing: $1" >&2
    exit 3
}

python=${PYTHON:-python3}
"$python" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
    missing 'Python 3.10 or newer with venv (Debian: python3-venv); PYTHON=... names another'
command -v softhsm2-util >/dev/null || missing 'softhsm2-util (Debian: softhsm2)'
version=$(dpkg-query -W -f '${Version}' libsofthsm2 2>/dev/null) || missing 'the package libsofthsm2'
module=$(dpkg -L libsofthsm2 | grep '/libsofthsm2\.so$' | head -n 1)
[ -n "$module" ] || missing 'libsofthsm2.so in the package libsofthsm2'
echo "libsofthsm2 $version (first seen with 2.6.1-2.1), python-pkcs11 0.10.1"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
"$python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check --no-deps --only-binary :all: \
    python-pkcs11==0.10.1 asn1crypto==1.5.1 || missing 'the pinned packages from a package registry'

mkdir -m 700 "$work/tokens"
cat >"$work/softhsm2.conf" <<CONF
directories.tokendir = $work/tokens
objectstore.backend = file
log.level = ERROR
CONF
SOFTHSM2_CONF=$work/softhsm2.conf
export SOFTHSM2_CONF
softhsm2-util --init-token --free --label finding --pin 123456 --so-pin 12345678 >/dev/null

cat >"$work/finding.py" <<'PYTHON'
import sys

import pkcs11
from pkcs11 import Attribute, KeyType, ObjectClass
from pkcs11.util.ec import encode_named_curve_parameters

READ_ONLY = "AttributeReadOnly"
changed = False


def written(item, attribute, value):
    """What `attribute` reads after it was set to `value`, or the name of the error."""
    try:
        item[attribute] = value
    except pkcs11.PKCS11Error as error:
        return type(error).__name__
    return item[attribute]


def copied(item, value):
    try:
        return item.copy({Attribute.VALUE: value})[Attribute.VALUE]
    except pkcs11.PKCS11Error as error:
        return type(error).__name__


def show(what, guessed, seen, expected):
    global changed
    changed |= seen != expected
    note = "" if seen == expected else f"   CHANGED, was {expected}"
    print(f"{what}\n    guessed {guessed}\n    seen    {seen}{note}")


token = pkcs11.lib(sys.argv[1]).get_token(token_label="finding")
with token.open(rw=True, user_pin="123456") as session:
    record = session.create_object(
        {
            Attribute.CLASS: ObjectClass.DATA,
            Attribute.TOKEN: True,
            Attribute.PRIVATE: True,
            Attribute.MODIFIABLE: True,
            Attribute.LABEL: "record",
            Attribute.VALUE: b"step 1",
        }
    )
    curve = {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
    domain = session.create_domain_parameters(KeyType.EC, curve, local=True)
    _, key = domain.generate_keypair(store=True, id=b"step 1", label="marker")

    show("1. CKA_MODIFIABLE of the data object", True, record[Attribute.MODIFIABLE], True)
    show("2. its label, written", "later", written(record, Attribute.LABEL, "later"), "later")
    show("3. its value, written", b"step 2", written(record, Attribute.VALUE, b"step 2"), READ_ONLY)
    show("4. its application, written", "pay", written(record, Attribute.APPLICATION, "pay"), READ_ONLY)
    show("5. its object id, written", b"\x06\x01\x2a", written(record, Attribute.OBJECT_ID, b"\x06\x01\x2a"), READ_ONLY)
    show("6. a copy with another value", b"step 2", copied(record, b"step 2"), READ_ONLY)
    show("7. its value after all that", b"step 2", record[Attribute.VALUE], b"step 1")
    show("8. the id of a private key, written", b"step 2", written(key, Attribute.ID, b"step 2"), b"step 2")
sys.exit(changed)
PYTHON

if "$work/venv/bin/python" "$work/finding.py" "$module"; then
    echo 'holds: SoftHSM calls a data object modifiable and refuses it a new value'
else
    echo 'CHANGED: this is no longer what happens' >&2
    exit 1
fi
