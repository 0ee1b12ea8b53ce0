"""A wallet at a bank whose TLS certificate is of the bank's own authority: it is believed, and no other is."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

import qalta
from app.wallets.banking import bank_line
from app.wallets.making import at_real_bank, make_wallet
from app.wallets.missing import MissingPart
from app.wallets.opened import OpenWallet, close, open_wallet
from app.wallets.places import Home
from ledger_sync.service.listeners import Listeners, bound
from ledger_sync.service.settings import Address
from ledger_sync.service.tls import ServerTls, TlsFiles
from ledger_sync.service.wire import WireBounds
from tests.support.certificates import Authority
from tests.support.system import System
from wallet.protocol.codes import Code, Refusal

PIN = "2580"
OPENING = 70_000
random_bytes = random.Random(5).randbytes


@contextmanager
def served(system: System, authority: Authority) -> Iterator[str]:
    """A bank of the network over TLS, by a certificate of this authority; its URL."""
    listener = bound(Address("127.0.0.1", 0), "port")
    port = listener.getsockname()[1]
    system.network.restart("alatau", authority=f"127.0.0.1:{port}")
    system.settle_down()
    listeners = Listeners()
    app = system.network.running["alatau"].app
    listeners.add(app, listener, WireBounds(), ServerTls(TlsFiles(*authority.certify("bank"))))
    thread = threading.Thread(target=listeners.serve)
    thread.start()
    try:
        yield f"https://127.0.0.1:{port}"
    finally:
        listeners.stop()
        thread.join(60)


def balance(opened: OpenWallet) -> int:
    with bank_line(opened, random_bytes) as bank:
        return bank.account().balance


def test_it_is_made_and_opened_again_and_believes_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    place = Home(tmp_path / "home").wallet("dana")
    with ExitStack() as stack:
        system = stack.enter_context(System(tmp_path / "system", "own authority"))
        root, clock = system.network.root.hex(), lambda: system.now
        (code,) = system.operate("alatau", "/v1/customers", [b"o" * 16, "Dana", 0, 0, OPENING])
        url = stack.enter_context(served(system, authority))

        def spec(trusted: Path | None) -> object:
            return at_real_bank("alatau", url, root, code, "person", "Dana", trusted)

        for trusted in (None, other.file):
            with pytest.raises(Refusal) as refused:
                make_wallet(place, spec(trusted), PIN, clock, random_bytes)  # type: ignore[arg-type]
            assert refused.value.code is Code.UNREACHABLE
        monkeypatch.chdir(tmp_path)
        own = authority.file.relative_to(tmp_path)
        close(make_wallet(place, spec(own), PIN, clock, random_bytes))  # type: ignore[arg-type]
        monkeypatch.chdir("/")
        opened = open_wallet(place, PIN, clock, random_bytes)
        try:
            assert balance(opened) == OPENING
            client = qalta.connect(
                opened.wallet,
                opened.keystore,
                bank="alatau",
                url=url,
                random=random_bytes,
                authority=authority.file,
            )
            assert client.account().balance == OPENING
            client.close()
            authority.file.unlink()
            with pytest.raises(MissingPart) as missing:
                balance(opened)
            assert missing.value.name == "missing.authority"
        finally:
            close(opened)
