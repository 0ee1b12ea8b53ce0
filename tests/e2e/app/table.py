"""A table with two phones on it: the launcher's own pair, whose windows see each other's screens and touch through a
field that can tear. What two people do there again and again.

Rule: phones are told apart by who pays and who is paid; all that is asked of them is what `Phone` can do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from app.catalogue.written import written_amount
from app.demo.field import Field
from app.launch.actors import PIN
from app.launch.pair import PAIR_MEMBERS, pair_stage, pair_windows
from tests.app.window.remote import WindowGone
from tests.e2e.app.phone import Phone

UNSEEN: Final = {"SDL_VIDEODRIVER": "offscreen"}
"""A window that is drawn into memory."""
PAYEE: Final = PAIR_MEMBERS[1]


@dataclass(frozen=True)
class Table:
    """The phones are off at first. ``field`` lies between the payee's reader and the payer's card."""

    home: Path
    payer: Phone
    payee: Phone
    field: Field

    @contextmanager
    def open(self, payer: Mapping[str, str] = UNSEEN, payee: Mapping[str, str] = UNSEEN) -> Iterator[None]:
        """Both phones, unlocked and without network; each is given variables of its environment."""
        self.payer.environment, self.payee.environment = payer, payee
        phones = (self.payer, self.payee)
        with ThreadPoolExecutor(len(phones)) as pool:
            try:
                list(pool.map(_open_offline, phones))
                yield
            finally:
                list(pool.map(Phone.switch_off, phones))


def _open_offline(phone: Phone) -> None:
    phone.open()
    phone.set_network(on=False)


@contextmanager
def set_table(folder: Path) -> Iterator[Table]:
    """With a sandbox and two funded wallets."""
    home = folder / "home"
    with pair_stage(home), pair_windows(home, language="en") as windows, Field(cut_at=1) as field:
        for window, reader in zip(windows, (field.card, field.reader), strict=True):
            window.wanted = replace(window.wanted, reader=reader)
        payer, payee = (Phone(window, folder / window.wanted.wallet, UNSEEN) for window in windows)
        yield Table(home, payer, payee, field)


# what people do


def ask(payee: Phone, tiyn: int) -> None:
    """From home, up to the code on its screen."""
    payee.touch("home-receive")
    payee.wait("receive-typed")
    payee.remote.keys(f"{tiyn // 100},{tiyn % 100:02}")
    payee.touch_last("receive-ask")


def agree(payer: Phone, tiyn: int) -> None:
    """From home: scan, and find that it is the payee who asks for so much."""
    payer.touch("home-pay")
    read(payer, tiyn)


def read(payer: Phone, tiyn: int) -> None:
    """What is asked for is on the screen."""
    payer.wait("pay-accept")
    assert payer.wait("pay-payee") == PAYEE.holder
    payer.wait_amount("pay-amount", tiyn)


def confirm(payer: Phone) -> None:
    """Accept, and the PIN; the window may die at it."""
    with suppress(WindowGone):
        payer.touch("pay-accept")
        payer.wait("pin-confirm")
        payer.type_pin(PIN)


def receives(payee: Phone, tiyn: int) -> None:
    payee.wait("ended", "Received")
    payee.wait_amount("ended-amount", tiyn)


def finish(payer: Phone, payee: Phone) -> None:
    """Both read how it ended, and go home."""
    payer.wait("ended", "Paid")
    payer.touch_home("pay-end")
    payee.touch_home("receive-done")


def shown_again(payer: Phone, payee: Phone, tiyn: int) -> None:
    """The payee has the money, the payer has no receipt: asked for anything, the payee reads the payment once more and
    shows its receipt again; then it takes its new request back."""
    ask(payee, 100)
    payee.wait("ended", "already")
    payee.wait_amount("ended-amount", tiyn)
    payer.wait("ended", "Paid")
    payer.touch_home("pay-end")
    payee.touch("receive-ask_on", "receive-cancel")
    payee.go_home()


def receipt_again(payer: Phone, payee: Phone, tiyn: int) -> None:
    """The payee finds the payment in its history, and shows the receipt to the payer who waits for it."""
    payee.touch("place-history")
    payee.touch(payee.wait_any("history-")[0], "history-again")
    payee.wait("ended", "Receipt")
    payee.wait_amount("ended-amount", tiyn)
    payer.wait("ended", "Paid")
    payer.touch_home("pay-end")
    payee.touch("receive-done")
    payee.go_home()


def tells(phone: Phone, tiyn: int) -> str:
    """The one thing that home offers to go on with, which is about so much."""
    (unfinished,) = phone.unfinished()
    assert any(written_amount(tiyn) in item["text"] for item in phone.shown()), tiyn
    return unfinished
