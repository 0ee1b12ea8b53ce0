#!/bin/sh
# Patroni's strict quorum mode takes synchronous_standby_names away from a leader that lost both standbys and starts
# again: from then on one machine alone acknowledges commits, until a standby is back.
#
# Where:   Patroni 4.1.5, PostgreSQL 15 to 18 (Debian 12: 15), etcd 3.4.23 as its store.
# Valid:   three nodes; synchronous_mode quorum, synchronous_mode_strict true, synchronous_node_count 1. Both standbys are
#          killed, then the leader too; the leader alone is started again.
# Guessed: "This parameter prevents Patroni from switching off the synchronous replication on the primary when no
#          synchronous standby candidates are available": the leader waits with every commit, before and after.
# Seen:    before its restart it does, by 'ANY 1 (*)'. After it synchronous_standby_names is empty, commits are
#          acknowledged at once, and it stays so for as long as no standby comes (ha.py
#          process_sync_replication_prepromote: numsync = members - quorum - 1 is 0 where the leader is the only member,
#          and the resolver then finds nothing to change).
# Why it matters: what is acknowledged is on one disk. If that machine is lost, so is money that was told to be settled.
# Qalta's guard: ledger_sync/cluster/configuration.py puts a floor below Patroni's settings (custom_conf with
#          synchronous_standby_names = 'ANY 1 (*)'), which holds where Patroni sets nothing; step 4 shows that it does.
#          tests/ledger_sync/cluster/test_on_loopback.py.
#
# Runs without Qalta, in a folder of its own, in about three minutes. Status: 0 as said above, 1 it has changed,
# 3 something is missing.
set -eu

missing() {
    echo "missing: $1" >&2
    exit 3
}

python=${PYTHON:-/usr/bin/python3}
"$python" -c 'import sys, ensurepip, venv; sys.exit(sys.version_info < (3, 10))' 2>/dev/null ||
    missing 'Python 3.10 or newer with venv (Debian: python3-venv); PYTHON=... names another'
etcd=${ETCD:-$(command -v etcd || true)}
[ -x "$etcd" ] || missing 'etcd (Debian: etcd-server; apt-get download and dpkg-deb -x will do); ETCD=... names it'
postgres=$(find /usr/lib/postgresql -path '*/bin/postgres' 2>/dev/null | sort -V | tail -n 1)
[ -n "$postgres" ] || missing "PostgreSQL's server (Debian: postgresql)"
echo "$("$postgres" --version), $("$etcd" --version | head -n 1), patroni 4.1.5"

work=$(mktemp -d /tmp/finding.XXXXXX)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
chmod 755 "$work"
"$python" -m venv "$work/venv"
"$work/venv/bin/python" -m pip install -q --disable-pip-version-check patroni==4.1.5 'psycopg[binary]==3.3.9' \
    python-etcd==0.4.5 dnspython==2.9.2 urllib3==2.8.0 2>/dev/null || missing 'the pinned packages from a package registry'

cat >"$work/finding.py" <<'PYTHON'
import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import psycopg

work, etcd, bin_dir = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]).parent
changed = False
user = pwd.getpwnam("postgres").pw_name if os.geteuid() == 0 else None


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def spawn(command, folder):
    folder.mkdir(exist_ok=True, mode=0o700)
    if user:
        shutil.chown(folder, user)
    with open(work / f"{folder.name}.log", "ab") as log:
        return subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, user=user, start_new_session=True,
                                env={"PATH": os.environ["PATH"], "HOME": str(folder)})


class Node:
    def __init__(self, name, client):
        self.name, self.folder = name, work / name
        self.port, self.api, self.process = free_port(), free_port(), None
        local, role = "127.0.0.1/32 trust", {"username": "postgres", "password": "x"}
        synchronous = {"synchronous_mode": "quorum", "synchronous_mode_strict": True, "synchronous_node_count": 1}
        times = {"ttl": 20, "loop_wait": 2, "retry_timeout": 5, "primary_start_timeout": 0}
        self.settings = {
            "scope": "finding", "name": name,
            "restapi": {"listen": f"127.0.0.1:{self.api}", "connect_address": f"127.0.0.1:{self.api}"},
            "etcd3": {"hosts": [f"127.0.0.1:{client}"]},
            "bootstrap": {"dcs": {**synchronous, **times}},
            "postgresql": {
                "listen": f"127.0.0.1:{self.port}", "connect_address": f"127.0.0.1:{self.port}",
                "data_dir": str(self.folder / "data"), "bin_dir": str(bin_dir), "pgpass": str(self.folder / "pass"),
                "authentication": {"superuser": role, "replication": {"username": "replicator", "password": "x"}},
                "parameters": {"unix_socket_directories": "", "fsync": "off"},
                "pg_hba": [f"host all all {local}", f"host replication all {local}"],
            },
        }

    def start(self):
        file = work / f"{self.name}.yml"
        file.write_text(json.dumps(self.settings))
        self.process = spawn([sys.executable, "-m", "patroni", str(file)], self.folder)

    def kill(self):
        """Patroni and its PostgreSQL, at once."""
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(OSError, ValueError):
            os.kill(int((self.folder / "data/postmaster.pid").read_text().split()[0]), signal.SIGKILL)

    def says(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.api}/patroni", timeout=2) as answer:
                return json.load(answer)
        except OSError as error:
            return json.load(error) if hasattr(error, "read") else {}

    def connect(self):
        return psycopg.connect(f"host=127.0.0.1 port={self.port} user=postgres", autocommit=True)

    def asked(self, sql):
        with self.connect() as db:
            return db.execute(sql).fetchone()[0]


def wait(what, seconds=120):
    until = time.monotonic() + seconds
    while not (found := what()):
        if time.monotonic() > until:
            sys.exit("missing: the cluster did not get so far; the machine may be too slow")
        time.sleep(0.2)
    return found


def leads(node):
    said = node.says()
    return said.get("state") == "running" and said.get("role") == "primary"


def insert(node):
    """An insert whose wait is cancelled after three seconds: acknowledged, or waits."""
    with node.connect() as db:
        warnings = []
        db.add_notice_handler(lambda said: warnings.append(said.sqlstate))
        patience = threading.Timer(3, db.cancel_safe)  # statement_timeout does not reach the wait of a commit
        patience.start()
        db.execute("insert into t values (1)")
        patience.cancel()
        return "waits" if warnings else "acknowledged"


def show(what, guessed, seen, expected):
    global changed
    changed |= seen != expected
    note = "" if seen == expected else f"   CHANGED, was {expected}"
    print(f"{what}\n    guessed {guessed}\n    seen    {seen}{note}", flush=True)


def lose_two_and_restart_the_third(nodes):
    def whole():
        said = [node.says() for node in nodes]
        return sum(bool(one.get("quorum_standby")) for one in said) == 2 and any(map(leads, nodes))

    wait(whole)
    leader = next(filter(leads, nodes))
    with leader.connect() as db:
        db.execute("create table if not exists t (n int)")
    for node in nodes:
        if node is not leader:
            node.kill()
    wait(lambda: leader.asked("show synchronous_standby_names") == "ANY 1 (*)")
    before = insert(leader)
    leader.kill()
    leader.start()
    wait(lambda: leads(leader))
    time.sleep(3 * 2)  # three rounds of its loop, in which it might mend itself
    return before, leader.asked("show synchronous_standby_names"), insert(leader)


client, peer = free_port(), free_port()
urls = ["--listen-client-urls", f"http://127.0.0.1:{client}", "--advertise-client-urls", f"http://127.0.0.1:{client}",
        "--listen-peer-urls", f"http://127.0.0.1:{peer}", "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
        "--initial-cluster", f"default=http://127.0.0.1:{peer}"]
store = spawn([etcd, "--data-dir", str(work / "etcd" / "data"), *urls], work / "etcd")
nodes = [Node(name, client) for name in ("one", "two", "three")]
try:
    for node in nodes:
        node.start()
    before, names, after = lose_two_and_restart_the_third(nodes)
    show("1. an insert at the leader that lost both", "waits", before, "waits")
    show("2. synchronous_standby_names once it was started again", "ANY 1 (*)", names, "")
    show("3. an insert then", "waits", after, "acknowledged")

    for node in nodes:
        if node.process.poll() is not None:
            node.start()
    floor = work / "floor.conf"
    floor.write_text("synchronous_standby_names = 'ANY 1 (*)'\n")
    floor.chmod(0o644)
    for node in nodes:
        wait(lambda node=node: node.says().get("state") == "running")
        node.settings["postgresql"]["custom_conf"] = str(floor)
        node.kill()
        node.start()
    show("4. with a floor below Patroni's settings, the same again", "waits",
         lose_two_and_restart_the_third(nodes)[2], "waits")
finally:
    for node in nodes:
        if node.process is not None:
            node.kill()
    store.kill()
    store.wait()
sys.exit(changed)
PYTHON

status=0
"$work/venv/bin/python" "$work/finding.py" "$work" "$etcd" "$postgres" || status=$?
case $status in
0) echo 'holds: a strict quorum ends with the restart of a leader that is alone' ;;
1) echo 'CHANGED: this is no longer what happens' >&2 && exit 1 ;;
*) exit 3 ;;
esac
