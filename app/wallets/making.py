"""Making a wallet: a keystore, an account at a bank, a first certificate.

Recovery: the folder gets `wallet.json` last. A wallet that was left half-made is made again under the same name:
keys, enrolment and certificate that are already there are used, none is made twice.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from typing import Final

from app.wallets.banking import bank_line
from app.wallets.doing import doing
from app.wallets.opened import Clock, OpenWallet, Random, close
from app.wallets.places import Profile, WalletDir
from hsm.keystore import KeystoreCode, KeystoreError
from ledger_sync.client.bank import Enrolled
from ledger_sync.client.connecting import DEVICE_ALIAS
from ledger_sync.sandbox import Network
from wallet.protocol.bounds import KEY_BYTES
from wallet.protocol.codes import Code, Refusal

FIRST_CATEGORY: Final = 5499
"""The merchant category of a shop that names none (ISO 18245: other food shops)."""
OPENING: Final = 50_000_000
"""Tiyn on an account that the sandbox opens."""

_PASSING: Final = frozenset(
    {Code.UNREACHABLE, Code.ANSWER_UNREADABLE, Code.BUSY, Code.INTERNAL, Code.AUTH_STALE}
)
"""Refusals that say nothing about the wallet that was wanted: the same again may well be made."""


class MakingStep(Enum):
    """Where the making of a wallet is."""

    KEYSTORE = "keystore"
    ENROLLING = "enrolling"
    CERTIFYING = "certifying"


Tell = Callable[[MakingStep], None]


@dataclass(frozen=True, slots=True)
class WalletSpec:
    """The wallet that is wanted. ``profile`` without its account; ``code`` gives what enrols this device, by the 16
    bytes that make a repeated question the same."""

    profile: Profile
    code: Callable[[bytes], str]


def at_real_bank(
    bank: str, url: str, root: str, code: str, kind: str, holder: str, authority: Path | None = None
) -> WalletSpec:
    """``root``: the central bank's root key, hexadecimal; ``authority``: a PEM file. ValueError where it is no key."""
    if len(bytes.fromhex(root)) != KEY_BYTES:
        raise ValueError("not a key")
    trusted = "" if authority is None else str(authority.absolute())
    return WalletSpec(Profile(bank, url, root, "", kind, holder, trusted), lambda request: code)


def in_sandbox(
    home: Path, bank: str, kind: str, holder: str, *, category: int = FIRST_CATEGORY, opening: int = OPENING
) -> WalletSpec:
    """At a bank of the running sandbox in ``home``, which opens an account with ``opening`` tiyn on it. ``MissingPart``
    where none runs; ``Refusal``: NOT_FOUND (no such bank)."""
    from app.wallets.sandbox_desk import network_of
    from ledger_sync.sandbox import open_account

    network = network_of(home)
    station = network.station(bank)

    def code(request: bytes) -> str:
        wanted = category if kind == "merchant" else None
        return open_account(network, bank, request, holder, category=wanted, opening=opening)

    return WalletSpec(Profile(bank, station.url, network.root.hex(), "", kind, holder), code)


def sandbox_banks(network: Network) -> tuple[str, ...]:
    return tuple(bank.name for bank in network.banks)


def make_wallet(
    place: WalletDir,
    wish: WalletSpec,
    pin: str,
    clock: Clock,
    random: Random,
    tell: Tell = lambda step: None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> OpenWallet:
    """The wallet, open. ``tell`` is called as a step begins, and ``is_stopped`` while a call waits, which it ends. What
    is refused before the device was enrolled leaves nothing behind; what was interrupted stays, and is gone on with
    under the same name.

    Raises ``Refusal``: WALLET_EXISTS, UNREACHABLE, what the bank refuses; ``KeystoreError``: PIN_UNFIT, PIN_WRONG (it
    was half-made under another PIN), MODULE_MISSING.
    """
    if place.is_made:
        raise Refusal(Code.WALLET_EXISTS, {"name": place.name})
    tell(MakingStep.KEYSTORE)
    with _nothing_half_made(place):
        opened = _opened(place, wish.profile, pin, clock, random)
        try:
            enrolled = _enrolled(opened, wish, random, tell, is_stopped)
        except BaseException:
            close(opened)
            raise
    try:
        return _certified(opened, enrolled, random, tell, is_stopped)
    except BaseException:
        close(opened)
        raise


@contextmanager
def _nothing_half_made(place: WalletDir) -> Iterator[None]:
    """A folder that the block made goes again where something in it is refused for good: nobody knows of its keys."""
    was_there = place.folder.exists()
    try:
        yield
    except (Refusal, KeystoreError) as refusal:
        if not was_there and refusal.code not in _PASSING:
            shutil.rmtree(place.folder, ignore_errors=True)
        raise


def _opened(place: WalletDir, profile: Profile, pin: str, clock: Clock, random: Random) -> OpenWallet:
    from hsm import open_keystore, provision
    from wallet.wallet import Wallet

    place.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        provision(place.keystore, pin, clock=clock, random=random)
    except KeystoreError as error:
        if error.code is not KeystoreCode.ALREADY_PROVISIONED:
            raise
    keystore = open_keystore(place.keystore, pin, clock=clock, random=random)
    try:
        if DEVICE_ALIAS not in keystore.aliases():
            keystore.create_key(DEVICE_ALIAS)
        return OpenWallet(place, profile, keystore, Wallet.open(place.purse, keystore, clock, random))
    except BaseException:
        keystore.lock()
        raise


def _enrolled(
    opened: OpenWallet, wish: WalletSpec, random: Random, tell: Tell, is_stopped: Callable[[], bool]
) -> Enrolled:
    from ledger_sync.client import set_up

    with bank_line(opened, random, is_stopped) as bank:
        tell(MakingStep.ENROLLING)
        set_up(opened.wallet, bank, bytes.fromhex(opened.profile.root))
        with doing("open"):
            code = wish.code(opened.keystore.public_key(DEVICE_ALIAS)[-16:])
        return bank.enrol(code)


def _certified(
    opened: OpenWallet, enrolled: Enrolled, random: Random, tell: Tell, is_stopped: Callable[[], bool]
) -> OpenWallet:
    from ledger_sync.client import certify

    with bank_line(opened, random, is_stopped) as bank:
        tell(MakingStep.CERTIFYING)
        certify(opened.wallet, bank)
    profile = replace(opened.profile, account=enrolled.account, name=enrolled.name)
    opened.place.write_profile(profile)
    return replace(opened, profile=profile)
