# Sourced by setup/ensure.sh: which Python, the environment in .venv, and what goes into it.

suits='import sys, venv, ssl, sqlite3, ctypes; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'

# find_python: prints the first Python that suits.
find_python() {
    # shellcheck disable=SC2086
    for candidate in ${QALTA_PYTHON:-python3 /usr/bin/python3 python3.13 python3.12 python3.11}; do
        if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -I -c "$suits" 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# missing_python: Debian's packages for Python and venv, where either is wanting.
missing_python() {
    usable_venv && return
    if ! python=$(find_python); then
        echo python3 python3-venv
    elif ! "$python" -I -c 'import ensurepip' 2>/dev/null; then
        case $("$python" -I -c 'import os, sys; print(os.path.realpath(sys.executable))') in
        "$(readlink -f /usr/bin/python3)") echo python3-venv ;;
        /usr/bin/*) "$python" -I -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])' ;;
        *) echo python3-venv ;;
        esac
    fi
}

# missing_headers: Debian's package of the C headers of the Python that .venv has or will have, where they are wanting.
missing_headers() {
    if usable_venv; then python=$venv/bin/python; else python=$(find_python) || { echo python3-dev && return; }; fi
    "$python" -I -c 'import os, sysconfig, sys
sys.exit(not os.path.exists(os.path.join(sysconfig.get_path("include"), "Python.h")))' && return
    case $("$python" -I -c 'import os, sys; print(os.path.realpath(sys.executable))') in
    "$(readlink -f /usr/bin/python3)") echo python3-dev ;;
    /usr/bin/*) "$python" -I -c 'import sys; print("python%d.%d-dev" % sys.version_info[:2])' ;;
    esac
}

# usable_venv: there is one, made for this folder, finished, with a Python that suits and pip.
usable_venv() {
    [ -x "$venv/bin/python" ] && [ ! -e "$venv/.unfinished" ] || return 1
    [ ! -e "$venv/.made-for" ] || [ "$(cat "$venv/.made-for")" = "$root" ] || return 1
    "$venv/bin/python" -I -c "$suits; import pip" 2>/dev/null
}

# ensure_venv: an environment that was left half made, was moved, or lost its Python is made anew.
ensure_venv() {
    if usable_venv; then
        : >"$venv/.unfinished" || stop "cannot write into $venv; if another user made it, remove it"
        return
    fi
    python=$(find_python) || stop "no Python from 3.11 to 3.13 was found${QALTA_PYTHON:+ at $QALTA_PYTHON}"
    step "Python environment in ${venv##*/} ($("$python" -I -c 'import sys; print("Python", sys.version.split()[0], "of", sys.executable)'))"
    rm -rf "$venv" && mkdir "$venv" && : >"$venv/.unfinished" ||
        stop "cannot write $venv; if another user made it, remove it and run again"
    watched "$python" -I -m venv "$venv" || explain "making .venv"
    printf '%s\n' "$root" >"$venv/.made-for"
}

# pip ARGS...: pip of .venv, asking nothing. Its own settings (a mirror, a proxy) are honoured.
pip() {
    watched env PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 LC_ALL=C.UTF-8 \
        "$venv/bin/python" -I -m pip --no-input --disable-pip-version-check "$@"
}

# No wheels of these exist for Linux. They are built here from the source that the lock file names, by the
# setuptools of setup/build.lock and, pyscard (./test only), by the system's gcc and swig.
from_source=pydes,pyscard

# install_packages LEVEL: exactly the files that the lock files name, ready built but for $from_source. No package is
# asked what else it needs: the locks hold all of it, but for what setup/lock.sh leaves out on purpose.
install_packages() {
    step "Python packages of setup/$1.lock"
    locked_files "setup/build.lock" && locked_files "setup/$1.lock" && return
    # Nothing was touched yet: the environment is as whole as before.
    grep -q '^Installing collected' "$log" || rm -f "$venv/.unfinished"
    explain "fetching Python packages"
}

locked_files() {
    pip install --progress-bar off --require-hashes --no-deps --only-binary :all: --no-binary "$from_source" \
        --no-build-isolation --use-pep517 -r "$1"
}

# install_project: qalta itself, from this folder, without the network.
install_project() {
    step "qalta itself"
    pip install --no-index --no-deps --no-build-isolation --config-settings editable_mode=compat --editable . ||
        explain "installing qalta"
    rm -f "$venv/.unfinished"
}
