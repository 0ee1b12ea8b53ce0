#!/bin/sh
# Makes setup/run.lock, setup/test.lock, setup/cluster.lock and setup/build.lock (what builds what comes as source) anew from
# pyproject.toml, for every machine and Python that we serve: hashes of every file of a version, no index
# address, no local path.
# Usage: setup/lock.sh [--upgrade]   (QALTA_PYTHON names a Python 3.11, the oldest that we serve)
# What KivyMD asks for is read here too, pycairo included, which tells it only where libcairo2-dev, pkg-config and
# gcc are installed; what is left out of the lock files needs none of them.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd -P)
cd "$root"
python=${QALTA_PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || {
    echo "setup/lock.sh: resolve with Python 3.11, which asks for the most; QALTA_PYTHON=PATH names it" >&2
    exit 3
}
tools=$(mktemp -d)
trap 'rm -rf "$tools"' EXIT
trap 'exit 130' INT TERM HUP

# Whatever this machine's pip is told about other sources of packages must not reach the lock.
export PIP_CONFIG_FILE=/dev/null PIP_DISABLE_PIP_VERSION_CHECK=1
unset PIP_FIND_LINKS PIP_EXTRA_INDEX_URL PIP_CONSTRAINT PIP_REQUIREMENT || true
export CUSTOM_COMPILE_COMMAND=setup/lock.sh

"$python" -m venv "$tools/venv"
"$tools/venv/bin/python" -m pip install --quiet pip-tools==7.6.2

# Only KivyMD's MDLoadingIndicator draws with these, and imports them when it is made. set-up installs exactly what
# is locked and asks no package what else it would like, so what is left out here stays out.
left_out='--unsafe-package materialshapes --unsafe-package pycairo'

# lock OUT ARGS...: one lock file, resolved afresh unless the old one still fits.
lock() {
    out=$1
    shift
    # shellcheck disable=SC2086
    "$tools/venv/bin/pip-compile" --quiet --generate-hashes $left_out --strip-extras \
        --no-annotate --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options \
        --resolver=backtracking --build-deps-for editable --output-file "$out" "$@" pyproject.toml
    # Its warning speaks of an installer that would go and fetch what was left out; ours does not.
    sed -i '/^# WARNING: The following packages were not pinned/,$c\# Left out on purpose (setup/lock.sh): materialshapes, pycairo.' "$out"
}
lock setup/run.lock --extra app --extra service --extra postgres --extra zxing --extra nfc "$@"
lock setup/test.lock --extra app --extra service --extra postgres --extra zxing --extra nfc --extra pcsc \
    --extra dev --constraint setup/run.lock "$@"
# Patroni's environment is its own (setup/cluster.sh), so this one holds what the extra names and none of ours.
"$python" -c 'import sys, tomllib
print(*tomllib.load(sys.stdin.buffer)["project"]["optional-dependencies"]["cluster"], sep="\n")' \
    <pyproject.toml >"$tools/cluster.in"
"$tools/venv/bin/pip-compile" --quiet --generate-hashes --strip-extras --no-annotate --no-emit-index-url \
    --no-emit-find-links --no-emit-trusted-host --no-emit-options --resolver=backtracking \
    --constraint setup/run.lock --output-file setup/cluster.lock "$@" "$tools/cluster.in"
lock setup/build.lock --only-build-deps --constraint setup/run.lock "$@"

if grep -nE '://|--(index|extra|find|trusted)|(^|[ @])/' setup/run.lock setup/test.lock setup/cluster.lock setup/build.lock; then
    echo "setup/lock.sh: an address or a path got into a lock file (above)" >&2
    exit 1
fi
