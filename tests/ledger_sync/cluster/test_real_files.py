"""The files for three machines, on three addresses of this one: with certificates, and with nobody let in without
(./test --all).
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import shutil
import signal
import ssl
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

import httpx
import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ledger_sync.cluster.account import Account, account
from ledger_sync.cluster.configuration import secret_environment
from ledger_sync.cluster.files import real_files
from ledger_sync.cluster.parts import Part
from ledger_sync.cluster.programs import Programs, programs
from ledger_sync.processes import spawn
from tests.sampling import everything

pytestmark = pytest.mark.skipif(not everything(), reason="a cluster takes a minute to start; ./test --all")

HOSTS: Final = ("127.0.0.11", "127.0.0.12", "127.0.0.13")
SECRETS: Final = {"postgres": "p-secret", "replicator": "r-secret", "patroni": "a-secret"}


class Authority:
    """Signs certificates for addresses, for as long as a test lasts."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.certificate = self._signed("authority", self._key.public_key(), None)

    def issue(self, folder: Path, name: str, host: str | None) -> None:
        """`name`.crt and .key in a folder, and ca.crt."""
        key = ec.generate_private_key(ec.SECP256R1())
        pem = serialization.Encoding.PEM
        own = self._signed(name, key.public_key(), host)
        (folder / f"{name}.crt").write_bytes(own.public_bytes(pem))
        (folder / "ca.crt").write_bytes(self.certificate.public_bytes(pem))
        raw = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        (folder / f"{name}.key").write_bytes(raw)
        (folder / f"{name}.key").chmod(0o600)

    def _signed(self, name: str, key: ec.EllipticCurvePublicKey, host: str | None) -> x509.Certificate:
        is_authority = name == "authority"
        day = dt.timedelta(days=1)
        now = dt.datetime.now(dt.UTC)
        called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        by = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
        made = x509.CertificateBuilder().subject_name(called).issuer_name(by).public_key(key)
        made = made.serial_number(x509.random_serial_number()).not_valid_before(now - day)
        made = made.not_valid_after(now + day)
        made = made.add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        if host is not None:
            # Whoever calls one loopback address from another comes from 127.0.0.1, and etcd looks at that too.
            addresses = [x509.IPAddress(ipaddress.ip_address(each)) for each in (host, "127.0.0.1")]
            made = made.add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        return made.sign(self._key, hashes.SHA256())


@dataclass(frozen=True, slots=True)
class Machine:
    """One address with its files, as an administrator would lay them."""

    number: int
    folder: Path
    account: Account
    programs: Programs

    def lay(self, authority: Authority) -> None:
        etc = PurePosixPath(self.folder)
        made = real_files(
            HOSTS, 1, etc=etc, data=etc / "data", postgres=PurePosixPath(self.programs.postgres)
        )
        self.account.folder(self.folder)
        for name, text in made.items():
            place = PurePosixPath(name)
            if len(place.parts) == 1 or place.parts[0] == f"machine{self.number}":
                (self.folder / place.name).write_text(text)
        authority.issue(self.folder, "own", HOSTS[self.number - 1])
        authority.issue(self.folder, "client", None)
        for path in [*self.folder.iterdir(), self.account.folder(self.folder / "data")]:
            if self.account.is_handed:
                os.chown(path, self.account.uid, self.account.gid)

    def start(self) -> None:
        etcd = (self.programs.etcd, "--config-file", str(self.folder / "etcd.yml"))
        patroni = (self.programs.python, "-I", "-m", "patroni", str(self.folder / "a.yml"))
        for name, command in (("etcd", etcd), ("patroni", patroni)):
            notes = self.folder / f"started-{name}"
            notes.mkdir()
            handed = self.account.command("env", "-C", str(self.folder), *command)
            environment = {"PATH": os.environ["PATH"], **secret_environment(SECRETS)}
            spawn(handed, notes, environment)

    def end(self) -> None:
        Part(self.folder, (self.programs.postgres, Path(self.programs.etcd).parent)).signal(signal.SIGKILL)
        for name in ("patroni", "etcd"):
            Part(self.folder / f"started-{name}", ()).kill()
        Part(self.folder, (self.programs.postgres, Path(self.programs.etcd).parent)).kill()

    def role(self) -> str:
        """What its Patroni says it is, asked by TLS with a certificate; nothing where it does not say."""
        trust = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        trust.load_cert_chain(self.folder / "client.crt", self.folder / "client.key")
        try:
            with httpx.Client(verify=trust, trust_env=False, timeout=2) as http:
                said = http.get(f"https://{HOSTS[self.number - 1]}:8008/patroni").json()
        except httpx.HTTPError:
            return ""
        return "quorum" if said.get("quorum_standby") else str(said.get("role", ""))


@contextmanager
def three_machines() -> Iterator[list[Machine]]:
    folder = Path(tempfile.mkdtemp(prefix="qalta-machines-", dir="/tmp" if os.geteuid() == 0 else None))
    folder.chmod(0o755)
    who = account()
    found = [Machine(n, folder / f"machine{n}", who, programs(who)) for n in (1, 2, 3)]
    authority = Authority()
    try:
        for one in found:
            one.lay(authority)
        for one in found:
            one.start()
        while sorted(one.role() for one in found) != ["primary", "quorum", "quorum"]:
            threading.Event().wait(0.5)
        yield found
    finally:
        for one in found:
            one.end()
        shutil.rmtree(folder)


def test_they_make_a_cluster_that_nobody_gets_into_without_a_certificate() -> None:
    with three_machines() as machines:
        folder = machines[0].folder
        hosts = ",".join(f"{host}:5432" for host in HOSTS)
        url = f"postgresql://postgres:p-secret@{hosts}/postgres?target_session_attrs=read-write"
        trust = f"&sslmode=verify-full&sslrootcert={folder}/ca.crt"
        own = f"&sslcert={folder}/client.crt&sslkey={folder}/client.key"
        with psycopg.connect(url + trust + own, autocommit=True) as db:
            db.execute("create table money (tiyn int)")
            assert db.execute("show synchronous_standby_names").fetchall()[0][0].startswith("ANY 1 (a")
            assert (
                db.execute("select count(*) from pg_stat_ssl where ssl and version = 'TLSv1.3'").fetchall()[
                    0
                ][0]
                >= 3
            )
        for less in (trust, "&sslmode=disable", trust + own.replace("client", "stranger")):
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(url + less)
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://{HOSTS[0]}:8008/patroni", trust_env=False)
        etcdctl = Path(machines[0].programs.etcd).with_name("etcdctl")
        if etcdctl.exists():
            asked = [
                str(etcdctl),
                "--endpoints",
                f"http://{HOSTS[0]}:2379",
                "--command-timeout=2s",
                "member",
                "list",
            ]
            assert (
                subprocess.run(asked, capture_output=True, env={"ETCDCTL_API": "3"}, check=False).returncode
                != 0
            )
