"""The login of one keystore to its token, and how it is made again after a failure below the module.

Rule: once, and safely. First what the module needs is looked at (`hsm.health`), since a login without
room or descriptors destroys a SoftHSM token or finds it empty; then the module is started anew, for all
keystores of this process that share it, its files mended on the way; then the login is made, and the
keys are found again. A login that did not help is not tried again before a wait that doubles. The
derived PKCS#11 PIN (never the person's own) is kept in memory for this as long as the keystore is open.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from hsm.critical import critical
from hsm.folder import Folder, Settings
from hsm.keystore import KeystoreCode, KeystoreError, SessionLost
from hsm.pin import PinKeys
from hsm.pkcs11_store import TokenSession
from hsm.running import Running, Upkeep

FIRST_WAIT_SECONDS: Final = 1
LONGEST_WAIT_SECONDS: Final = 60


@dataclass(frozen=True, slots=True)
class Offer:
    """Settings whose verifier agrees with the PIN that was given, and what that PIN gives with them."""

    settings: Settings
    keys: PinKeys


@dataclass(frozen=True, slots=True)
class Entered:
    """A login that the token took, and in which of the module's lives it was made."""

    offer: Offer
    session: TokenSession
    upkeep: Upkeep
    life: int


class Login:
    """What stands between a keystore and its token. Call it inside `critical()`."""

    def __init__(
        self, place: Folder, running: Running, offers: Sequence[Offer], clock: Callable[[], int]
    ) -> None:
        """Log in with the first offer that the token takes. PIN_WRONG, TOKEN_FAULT."""
        self._place = place
        self._running = running
        self._clock = clock
        self._failures = 0
        self._failed_at = 0
        self._last: KeystoreError = SessionLost(KeystoreCode.TOKEN_FAULT)
        entered = self._enter(offers, may_restart=not running.is_shared)
        if isinstance(entered, KeystoreError):
            raise entered if entered.code is KeystoreCode.PIN_WRONG else _fault(entered)
        self._entered: Entered | None = entered
        self._offers: tuple[Offer, ...] = (entered.offer,)

    @property
    def settings(self) -> Settings:
        return self._now().offer.settings

    @property
    def session(self) -> TokenSession:
        """SessionLost if the module was started anew since the login."""
        return self._now().session

    @property
    def upkeep(self) -> Upkeep:
        return self._now().upkeep

    def renew(self) -> None:
        """Start the module anew and log in again. The codes of storage, TOKEN_MISSING, TOKEN_FAULT; the last of
        them again, without asking, while a wait lasts."""
        self._running.check()
        self._wait()
        former, self._entered = self._entered, None
        if former is None or former.life == self._running.life:
            self._running.restart()
        entered = self._enter(self._offers)
        if isinstance(entered, KeystoreError):
            self.failed(_fault(entered))
            raise self._last
        self._entered = entered

    def offer(self, present: PinKeys, settings: Settings, wanted: PinKeys) -> None:
        """A change of the PIN has begun: until `settle_offers`, either of the two may be the token's."""
        self._offers = (Offer(self.settings, present), Offer(settings, wanted))

    def settle_offers(self) -> None:
        """The PIN that opened the token is the one that holds; finish or undo a cut-off change."""
        entered = self._now()
        following = self._place.next_settings()
        if following is not None:
            entered.upkeep.pin_changed()
            if following == entered.offer.settings:
                self._place.adopt_next()
            else:
                self._place.drop_next()
        self._offers = (entered.offer,)

    def adopt(self, settings: Settings, wanted: PinKeys) -> None:
        """The PIN was changed in this session."""
        entered, offer = self._now(), Offer(settings, wanted)
        self._entered = Entered(offer, entered.session, entered.upkeep, entered.life)
        self._offers = (offer,)

    def worked(self) -> None:
        """A call came back whole: nothing is held against the next failure."""
        self._failures = 0

    def failed(self, error: KeystoreError) -> None:
        """The login that was made again did not help."""
        self._failures += 1
        self._failed_at = self._clock()
        self._last = error

    def close(self) -> None:
        """Log out, unless the module was started anew: a handle of its earlier life may name another's session."""
        entered, self._entered = self._entered, None
        if entered is not None and entered.life == self._running.life:
            entered.session.close()

    def _now(self) -> Entered:
        if self._entered is None or self._entered.life != self._running.life:
            raise SessionLost(KeystoreCode.TOKEN_FAULT, {"cause": "login lost"})
        return self._entered

    def _wait(self) -> None:
        wait = min(FIRST_WAIT_SECONDS << max(0, self._failures - 1), LONGEST_WAIT_SECONDS)
        if self._failures and 0 <= self._clock() - self._failed_at < wait:
            raise self._last

    def _enter(self, offers: Sequence[Offer], *, may_restart: bool = True) -> Entered | KeystoreError:
        with critical():
            entered = self._try(offers)
            if isinstance(entered, KeystoreError) and may_restart:
                self._running.restart(from_backups=True)
                entered = self._try(offers)
            return entered

    def _try(self, offers: Sequence[Offer]) -> Entered | KeystoreError:
        """The first offer that the token takes, or why it took none."""
        refusal = KeystoreError(KeystoreCode.TOKEN_MISSING)
        for offer in offers:
            try:
                session = self._running.module.log_in(offer.settings.label, offer.keys.pkcs11_pin)
                return Entered(offer, session, self._running.upkeep(session.serial), self._running.life)
            except KeystoreError as error:
                refusal = error
        return refusal


def _fault(error: KeystoreError) -> KeystoreError:
    return KeystoreError(KeystoreCode.TOKEN_FAULT, {"cause": f"login: {error.code}"})
