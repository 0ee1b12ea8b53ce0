"""Making a keystore folder, and opening it with a PIN.

Rule: the PIN is checked against our verifier, under the try counter, before the module is asked at all;
so a wrong PIN never reaches C_Login, and a C_Login that fails after the verifier agreed means that the
token is damaged or that a PIN change was cut off, both of which are mended here. What the module needs
is looked at before the PIN is. Only the verifier says that a PIN is wrong (or the token, of the new PIN
of a change that was cut off): no other failure is counted as a try. The security officer's PIN is
random and forgotten: there is no second way into the token.
"""

from __future__ import annotations

import hmac
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Final

from hsm import health
from hsm.critical import critical, hold_termination
from hsm.durable import storage
from hsm.entrance import Entrance
from hsm.failpoint import reach
from hsm.folder import TOKENS_FOLDER, Folder, Settings, hold
from hsm.keystore import Keystore, KeystoreCode, KeystoreError
from hsm.login import Login, Offer
from hsm.pin import PERSON_COST, SALT_BYTES, PinKeys, ScryptCost, check_fit, derive
from hsm.profiles import PROFILES, SOFTHSM, Family, ModuleProfile
from hsm.running import leave, start
from hsm.token_keystore import TokenKeystore
from hsm.tries import TriesFile, TryCounter
from hsm.turn import Turn

LABEL_RANDOM_BYTES: Final = 8
SO_PIN_BYTES: Final = 24


def provision(
    folder: Path,
    pin: str,
    *,
    random: Callable[[int], bytes],
    clock: Callable[[], int],
    module: ModuleProfile = SOFTHSM,
    cost: ScryptCost = PERSON_COST,
    tokens: Path | None = None,
) -> None:
    """Make a new token and the folder (mode 0700) that knows how to open it.

    `tokens` puts the token into a folder shared with others, so that one process can hold several
    keystores open; by default it lies inside `folder`. A crash leaves no settings, and then the same
    call may be made again. ALREADY_PROVISIONED, PIN_UNFIT, IN_USE, MODULE_MISSING, MODULE_UNFIT.
    """
    check_fit(pin)
    hold_termination()
    _forbid_core_dumps()
    place = Folder(folder)
    with storage():
        place.create()
        descriptor = hold(folder)
    try:
        if place.is_provisioned():
            raise KeystoreError(KeystoreCode.ALREADY_PROVISIONED)
        label = _label(module, tokens, random)
        where = TOKENS_FOLDER if tokens is None else os.path.relpath(tokens.absolute(), folder.absolute())
        salt = random(SALT_BYTES)
        keys = derive(pin, salt, cost)
        settings = Settings(module.family.value, label, where, cost, salt, keys.verifier)
        with storage():
            place.clear_unfinished()
            place.token_folder(settings).mkdir(mode=0o700, parents=True, exist_ok=True)
            _make_token(module, place, settings, keys, random)
            reach("keystore.provision.made")
            TryCounter(TriesFile(place.tries), clock).right()
            place.save_settings(settings)
        reach("keystore.provision.done")
    finally:
        os.close(descriptor)


def open_keystore(
    folder: Path,
    pin: str,
    *,
    clock: Callable[[], int],
    random: Callable[[int], bytes],
    is_shared: bool = False,
) -> Keystore:
    """Open a provisioned folder: repair what a crash left, check the PIN, log in once.

    `is_shared`: for this process and others that open it so; none of them can change the PIN (IN_USE), and a key that
    one makes the others find when it is asked for.

    NOT_PROVISIONED, FOLDER_DAMAGED, IN_USE (another process, or this one), PIN_WRONG, PIN_BLOCKED,
    MODULE_MISSING, TOKEN_MISSING (its folder is away or empty), TOKEN_FAULT, the codes of storage. Call it in
    the main thread if SIGTERM may come: only there can a handler be installed that lets a login end first.
    """
    hold_termination()
    _forbid_core_dumps()
    place = Folder(folder)
    with storage():
        place.settings()
        if is_shared:
            place.making.mkdir(mode=0o700, exist_ok=True)
        descriptor = hold(folder, is_shared=is_shared)
    turn = Turn(place.making if is_shared else None)
    try:
        with storage(), turn.taken():
            return _open_held(place, pin, descriptor, clock, random, turn)
    except BaseException:
        os.close(descriptor)
        raise


def _open_held(
    place: Folder,
    pin: str,
    descriptor: int,
    clock: Callable[[], int],
    random: Callable[[int], bytes],
    turn: Turn,
) -> TokenKeystore:
    settings = place.settings()
    profile, tokens = PROFILES[settings.profile], place.token_folder(settings)
    health.check_token(profile.family, tokens)
    health.check_room(tokens)
    counter = TryCounter(TriesFile(place.tries), clock)
    counter.begin()
    offers = _offers(place, settings, pin)
    if not offers:
        raise counter.wrong()
    running = start(profile, tokens, place.path, is_shared=turn.is_shared)
    try:
        entrance = Entrance(
            folder=place,
            running=running,
            descriptor=descriptor,
            counter=counter,
            clock=clock,
            random=random,
            turn=turn,
        )
        return _enter(entrance, offers)
    except BaseException:
        leave(running)
        raise


def _forbid_core_dumps() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))


def _offers(place: Folder, settings: Settings, pin: str) -> list[Offer]:
    """The settings that this PIN fits, a cut-off PIN change's first."""
    offers = []
    for candidate in (place.next_settings(), settings):
        if candidate is not None:
            keys = derive(pin, candidate.salt, candidate.cost)
            if hmac.compare_digest(keys.verifier, candidate.verifier):
                offers.append(Offer(candidate, keys))
    return offers


def _enter(entrance: Entrance, offers: list[Offer]) -> TokenKeystore:
    with critical():
        reach("keystore.open.login")
        login = _log_in(entrance, offers)
        try:
            login.settle_offers()
            entrance.counter.right()
            reach("keystore.open.entered")
            return TokenKeystore(entrance, login)
        except BaseException:
            login.close()
            raise


def _log_in(entrance: Entrance, offers: list[Offer]) -> Login:
    try:
        return Login(entrance.folder, entrance.running, offers, entrance.clock)
    except KeystoreError as error:
        if error.code is not KeystoreCode.PIN_WRONG:
            raise
        if entrance.folder.next_settings() is not None:
            raise entrance.counter.wrong() from None
        raise KeystoreError(KeystoreCode.TOKEN_FAULT, {"cause": f"login: {error.code}"}) from None


def _label(module: ModuleProfile, tokens: Path | None, random: Callable[[int], bytes]) -> str:
    if module.one_token_label is None:
        return "qalta " + random(LABEL_RANDOM_BYTES).hex()
    if tokens is not None:
        raise KeystoreError(KeystoreCode.MODULE_UNFIT, {"what": "one token a folder"})
    return module.one_token_label


def _make_token(
    module: ModuleProfile, place: Folder, settings: Settings, keys: PinKeys, random: Callable[[int], bytes]
) -> None:
    with critical():
        running = start(module, place.token_folder(settings), place.path)
        try:
            match module.family:
                case Family.SOFTHSM:
                    so_pin = random(SO_PIN_BYTES).hex()
                    running.module.make_token(settings.label, so_pin, keys.pkcs11_pin)
                case Family.NSS:
                    running.module.set_first_pin(settings.label, "", keys.pkcs11_pin)
            running.upkeep(running.module.serial(settings.label)).pin_changed()
        finally:
            leave(running)
