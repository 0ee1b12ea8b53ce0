#!/bin/sh
# SoftHSM answers "no such keys" for the rest of a process's life, after one moment in which that process had no
# descriptor left.
#
# Where:   SoftHSM 2.6.1 (Debian 12: softhsm2 2.6.1-2.1), called by python-pkcs11 0.10.1.
# Valid:   a token with three keys, one login; RLIMIT_NOFILE is lowered for one call and put back.
# Guessed: that call fails with an error of the device or host, and once there are descriptors again all goes on.
# Seen:    a signature is refused with CKR_OBJECT_HANDLE_INVALID, and its key is missing from every later search,
#          while its neighbours are found. After a search in such a moment every later search answers CKR_OK and finds
#          nothing, and a new login fails. The files are untouched, and another process finds all three keys in a copy
#          of them meanwhile. Here C_Finalize and C_Initialize mend it.
# Why it matters: code that trusts the search takes its keys for destroyed, and money for lost.
# Qalta's guard: hsm/health.py counts spare descriptors before a login and after the keys were listed, hsm/login.py
#          starts the module anew and finds all known keys again; tests/e2e/test_descriptors.py.
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
import contextlib
import hashlib
import os
import resource
import subprocess
import sys
from pathlib import Path

import pkcs11
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.util.ec import encode_named_curve_parameters

module = pkcs11.lib(sys.argv[1])
WHOLE = ["a", "b", "c"]
changed = False


def log_in():
    return module.get_token(token_label="finding").open(rw=True, user_pin="123456")


def private_keys(session):
    return sorted(session.get_objects({Attribute.CLASS: ObjectClass.PRIVATE_KEY}), key=lambda key: key.label)


def labels(session):
    return [key.label for key in private_keys(session)]


def outcome(call):
    """What a call gives, or the name of its error."""
    try:
        return call()
    except pkcs11.PKCS11Error as error:
        return type(error).__name__


def sign(key):
    return len(key.sign(hashlib.sha256(b"pay").digest(), mechanism=Mechanism.ECDSA))


def files():
    """The token's objects, as they lie on disk."""
    tokens = Path(os.environ["SOFTHSM2_CONF"]).parent / "tokens"
    return {path.name: path.read_bytes() for path in tokens.glob("*/*.object")}


def elsewhere():
    """What another process finds at the same time. It takes a copy: a login rewrites SoftHSM's files."""
    home = Path(os.environ["SOFTHSM2_CONF"]).parent
    copy = home / "copy"
    subprocess.run(["cp", "-r", home / "tokens", copy], check=True)
    conf = home / "copy.conf"
    conf.write_text((home / "softhsm2.conf").read_text().replace(str(home / "tokens"), str(copy)))
    command = [sys.executable, __file__, sys.argv[1], "find"]
    env = os.environ | {"SOFTHSM2_CONF": str(conf)}
    told = subprocess.run(command, env=env, check=True, capture_output=True)
    subprocess.run(["rm", "-r", copy], check=True)
    return told.stdout.decode().split()


@contextlib.contextmanager
def no_descriptor_left():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def show(what, guessed, seen, expected):
    global changed
    changed |= seen != expected
    note = "" if seen == expected else f"   CHANGED, was {expected}"
    print(f"{what}\n    guessed {guessed}\n    seen    {seen}{note}")


if sys.argv[2:] == ["find"]:
    print(*labels(log_in()))
    sys.exit()

session = log_in()
curve = {Attribute.EC_PARAMS: encode_named_curve_parameters("secp256r1")}
for label in WHOLE:
    domain = session.create_domain_parameters(KeyType.EC, curve, local=True)
    domain.generate_keypair(store=True, id=label.encode(), label=label)
first, second, _ = private_keys(session)
assert sign(first) == sign(second) == 64
before = files()

with no_descriptor_left():
    refused = outcome(lambda: sign(first))
show("1. a signature with key a while no file can be opened", "DeviceError", refused, "ObjectHandleInvalid")
show("2. the same signature once files can be opened", 64, outcome(lambda: sign(first)), "ObjectHandleInvalid")
show("3. a search for private keys then", WHOLE, outcome(lambda: labels(session)), ["b", "c"])

with no_descriptor_left():
    found = outcome(lambda: labels(session))
show("4. a search while no file can be opened", "an error", found, [])
show("5. the same search once files can be opened", WHOLE, outcome(lambda: labels(session)), [])
show("6. a signature with key b, found before", 64, outcome(lambda: sign(second)), "ObjectHandleInvalid")
session.close()
show("7. the session closed, and a new login", "a session", outcome(log_in), "GeneralError")
show("8. the token's files are as before", True, files() == before, True)
show("9. another process finds meanwhile, in a copy of the files", WHOLE, elsewhere(), WHOLE)

module.reinitialize()
session = log_in()
show("10. after C_Finalize, C_Initialize and a login", WHOLE, labels(session), WHOLE)
show("11. and a signature with key a", 64, sign(private_keys(session)[0]), 64)
sys.exit(changed)
PYTHON

if "$work/venv/bin/python" "$work/finding.py" "$module"; then
    echo 'holds: after a moment without descriptors SoftHSM finds no keys until it is initialised anew'
else
    echo 'CHANGED: this is no longer what happens' >&2
    exit 1
fi
