#!/bin/sh
# setup/ensure.sh run|test
# Brings the system packages and .venv to what ./run or ./test needs, and says nothing when they are there.
# Works as root, or through sudo; asks nothing, starts no service, may be interrupted and run again.
# Speaks to stderr. Exit status: 0 ready; 2 usage; 3 something is missing (and what); 4 interrupted, run again.
# QALTA_PYTHON=PATH chooses the Python; QALTA_SYSTEM_PACKAGES=mine says that you look after those yourself.
set -u
level=${1-}
case $level in
run | test) ;;
*)
    echo "usage: setup/ensure.sh run|test" >&2
    exit 2
    ;;
esac
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=$(dirname -- "$here")
venv=$root/.venv
cd "$root" || exit 3
unset CDPATH PYTHONHOME PYTHONPATH

. "$here/say.sh"
. "$here/system.sh"
. "$here/python.sh"
trap 'interrupted "interrupted before anything was begun; run the same command again"' INT TERM HUP

# What the environment was made from. A stamp with these words in it means: nothing to do.
wanted() {
    echo "$root"
    cksum setup/build.lock "setup/$1.lock" setup/system.sh setup/python.sh pyproject.toml
}

# ready LEVEL: LEVEL's stamp is there and still true.
ready() {
    [ -r "$venv/.qalta-$1" ] && [ "$(cat "$venv/.qalta-$1")" = "$(wanted "$1")" ]
}

all_ready() {
    [ -z "$(missing_packages "$level")" ] && { ready test || { [ "$level" = run ] && ready run; }; }
}

release_services
all_ready && exit 0

scratch=$(mktemp -d) || stop "cannot make a scratch folder below ${TMPDIR:-/tmp}"
log=$scratch/log
began=$(date +%s)
trap 'release_services; rm -rf "$scratch"' EXIT
trap 'interrupted "set-up was interrupted; run the same command again and it goes on"' INT TERM HUP

# One set-up at a time in this clone; whoever waited finds it done. Installers inherit the lock, so that one
# that outlives a killed set-up is waited for too.
if command -v flock >/dev/null 2>&1; then
    exec 9<pyproject.toml
    flock --nonblock 9 || {
        say "another set-up is at work in this folder; waiting for it"
        flock 9
    }
    all_ready && exit 0
fi

say "set-up of $root for ./$level (done once; skipped from then on)"
ensure_system_packages "$level"
ensure_venv
install_packages "$level"
install_project
wanted "$level" >"$venv/.qalta-$level" || stop "cannot write into $venv"
say "set-up done in $(($(date +%s) - began)) s"
