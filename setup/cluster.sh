#!/bin/sh
# setup/cluster.sh
# Brings what `qalta cluster` runs besides Qalta itself, and says nothing when it is there: PostgreSQL by apt, etcd out
# of Debian's package (unpacked beside Patroni, not installed: as a system service nobody asked for it), and Patroni in
# an environment of its own that the account which runs it can read: /var/lib/qalta/patroni where root sets up (that
# account is then postgres), else ~/.cache/qalta/patroni. Called by `./run cluster start` and `./test --all`, after
# setup/ensure.sh. Speaks to stderr. Exit status as there: 0 ready; 3 something is missing (and what); 4 interrupted.
# QALTA_SYSTEM_PACKAGES=mine says that you look after postgresql and etcd-server yourself.
set -u
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=$(dirname -- "$here")
cd "$root" || exit 3
unset CDPATH PYTHONHOME PYTHONPATH
if [ "$(id -u)" -eq 0 ]; then
    venv=/var/lib/qalta/patroni
    # Root's own Python may lie where no other account gets to.
    QALTA_PYTHON=/usr/bin/python3
else
    venv=$HOME/.cache/qalta/patroni
fi

root=$venv # what the environment is made for: no clone in particular

. "$here/say.sh"
. "$here/system.sh"
. "$here/python.sh"
# shellcheck disable=SC2034 # system.sh reads it
run_packages=postgresql
# Only as source on the registries; pure Python both.
from_source=python-etcd,ydiff

wanted() {
    cksum setup/build.lock setup/cluster.lock setup/cluster.sh setup/python.sh
}

ready() {
    [ -z "$(missing_packages run)" ] && [ -r "$venv/.qalta-cluster" ] &&
        [ "$(cat "$venv/.qalta-cluster")" = "$(wanted)" ]
}

ready && exit 0
scratch=$(mktemp -d) || stop "cannot make a scratch folder below ${TMPDIR:-/tmp}"
log=$scratch/log
began=$(date +%s)
trap 'release_services; rm -rf "$scratch"' EXIT
trap 'interrupted "set-up was interrupted; run the same command again and it goes on"' INT TERM HUP
umask 022
mkdir -p "$venv" || stop "cannot make $venv"
if command -v flock >/dev/null 2>&1; then
    exec 9>"${venv}.lock"
    flock --nonblock 9 || {
        say "another set-up of the cluster is at work; waiting for it"
        flock 9
    }
    ready && exit 0
fi

fetch_etcd() {
    (cd "$scratch/etcd" && watched env LC_ALL=C apt-get download etcd-server etcd-client)
}

# unpack_etcd: the programs alone, out of Debian's packages; their signatures are apt's to check.
unpack_etcd() {
    step "etcd, out of Debian's etcd-server and etcd-client"
    if command -v etcd >/dev/null 2>&1 && command -v etcdctl >/dev/null 2>&1; then
        ln -sf "$(command -v etcd)" "$(command -v etcdctl)" "$venv/bin/" && return
    fi
    [ "${QALTA_SYSTEM_PACKAGES-}" != mine ] || stop "there is no etcd or no etcdctl here"
    mkdir -p "$scratch/etcd"
    # apt fetches as an account of its own, which the folder has to let in.
    chmod 755 "$scratch" && chmod 777 "$scratch/etcd"
    fetch_etcd || {
        refresh_lists
        fetch_etcd || explain "fetching etcd"
    }
    for package in "$scratch"/etcd/etcd-*.deb; do
        dpkg-deb -x "$package" "$scratch/etcd" || stop "cannot unpack $package"
    done
    cp --remove-destination "$scratch/etcd/usr/bin/etcd" "$scratch/etcd/usr/bin/etcdctl" "$venv/bin/" || stop "the packages hold no etcd"
}

say "set-up of the cluster in $venv (done once, in about a minute; skipped from then on)"
ensure_system_packages run
ensure_venv
install_packages cluster
unpack_etcd
rm -f "$venv/.unfinished"
wanted >"$venv/.qalta-cluster" || stop "cannot write into $venv"
say "set-up of the cluster done in $(($(date +%s) - began)) s"
