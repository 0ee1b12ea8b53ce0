"""Which device a name means.

| name | device | reader | card |
| --- | --- | --- | --- |
| `auto` | what nfcpy can open, else PC/SC | yes | what nfcpy can open |
| `usb`, `usb:VENDOR:PRODUCT`, `usb:BUS:DEVICE`, `tty:PORT`, `tty:PORT:DRIVER` | nfcpy | yes | if its chip can |
| `pcsc`, `pcsc:NAME` | any reader, or those with NAME in their name, of the smart card service | yes | no |
| `udp:HOST:PORT` | nfcpy's simulation; developers only | yes | yes |
| `vpcd:HOST:PORT` | a virtual reader of the smart card service; developers only | no | yes |

Rule: to open is to find out which device it is; the device itself is held during a tap only. `auto` speaks to USB
readers that nfcpy knows, then as to a PN532 to serial ports of USB adapters and boards, then to PC/SC.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from wallet.transport.nfc.machine import Machine, UsbReader
from wallet.transport.nfc.pcsc_reader import PcscReader
from wallet.transport.nfc.ports import CardDevice, DeviceError, ReaderDevice, Trouble
from wallet.transport.nfc.virtual_card import VirtualCard

AUTO: Final = "auto"
USB: Final = "usb"
PCSC: Final = "pcsc"
READERS: Final = (AUTO, USB, PCSC)
"""Names that a person can choose from without knowing what is plugged in."""
_NFCPY = (USB, "tty", "com", "udp")
_PCSC = re.compile(r"pcsc(:.+)?")
_VPCD = re.compile(r"vpcd:([A-Za-z0-9.-]+):(\d{1,5})")
_TELLING: Final = (
    Trouble.NOT_ALLOWED,
    Trouble.BUSY,
    Trouble.LIBRARY_MISSING,
    Trouble.PACKAGE_MISSING,
    Trouble.SERVICE_STOPPED,
    Trouble.NO_CARD_SIDE,
)
"""Of several reasons why `auto` found nothing, the one to give; NOT_FOUND if there is none of these."""


def nfcpy_opens(device: str) -> None:
    """Open it by nfcpy and close it again. ``DeviceError``."""
    from wallet.transport.nfc.nfcpy_device import frontend

    with frontend(device, is_developer=False):
        pass


@dataclass(frozen=True)
class Surroundings:
    """What `auto` looks at: this machine, and whether nfcpy can open a device (``DeviceError`` if not)."""

    machine: Machine = field(default_factory=Machine)
    opens: Callable[[str], None] = nfcpy_opens


def open_reader(
    name: str, *, developer: bool = False, surroundings: Surroundings | None = None
) -> ReaderDevice:
    """The reader that ``name`` means. ``DeviceError``: NAME_UNKNOWN, DEVELOPER_ONLY, PACKAGE_MISSING; for `auto` the
    reason why no reader can be used. For others that shows at the first tap."""
    if name == AUTO:
        return _auto_reader(surroundings or Surroundings())
    if _PCSC.fullmatch(name):
        return PcscReader(name)
    if name.split(":")[0] in _NFCPY:
        return _nfcpy_reader(name, developer)
    raise DeviceError(Trouble.NAME_UNKNOWN, name)


def open_card(name: str, *, developer: bool = False, surroundings: Surroundings | None = None) -> CardDevice:
    """The device that ``name`` means, to be the card. ``DeviceError`` as ``open_reader``, and NO_CARD_SIDE."""
    if name == AUTO:
        return _auto_card(surroundings or Surroundings())
    if _PCSC.fullmatch(name):
        raise DeviceError(Trouble.NO_CARD_SIDE, name)
    if (virtual := _VPCD.fullmatch(name)) and int(virtual[2]) in range(1, 65_536):
        if not developer:
            raise DeviceError(Trouble.DEVELOPER_ONLY, name)
        return VirtualCard(virtual[1], int(virtual[2]))
    if name.split(":")[0] in _NFCPY:
        return _nfcpy_card(name, developer)
    raise DeviceError(Trouble.NAME_UNKNOWN, name)


def _nfcpy_reader(name: str, developer: bool) -> ReaderDevice:
    from wallet.transport.nfc.nfcpy_device import check_name
    from wallet.transport.nfc.nfcpy_reader import NfcpyReader

    check_name(name, is_developer=developer)
    return NfcpyReader(name, is_developer=developer)


def _nfcpy_card(name: str, developer: bool) -> CardDevice:
    from wallet.transport.nfc.nfcpy_card import NfcpyCard
    from wallet.transport.nfc.nfcpy_device import check_name

    check_name(name, is_developer=developer)
    return NfcpyCard(name, is_developer=developer)


def _auto_reader(around: Surroundings) -> ReaderDevice:
    usb = around.machine.usb_readers()
    ours = [reader for reader in usb if _is_ours(reader)]
    chosen, troubles = _first_that_opens(around, ours)
    if chosen is not None:
        return _nfcpy_reader(chosen, False)
    try:
        if around.machine.pcsc_readers():
            return PcscReader(PCSC)
    except DeviceError as error:
        # Nobody misses a service that no reader needs.
        if error.trouble is Trouble.NOT_ALLOWED or len(ours) < len(usb):
            troubles.append(error)
    raise _most_telling(troubles)


def _auto_card(around: Surroundings) -> CardDevice:
    usb = around.machine.usb_readers()
    able = [reader for reader in usb if _is_ours(reader) and reader.chip and reader.chip.can_be_card]
    chosen, troubles = _first_that_opens(around, able)
    if chosen is not None:
        return _nfcpy_card(chosen, False)
    if len(able) < len(usb) or _has_pcsc_reader(around.machine):
        troubles.append(DeviceError(Trouble.NO_CARD_SIDE, AUTO))
    raise _most_telling(troubles)


def _is_ours(reader: UsbReader) -> bool:
    return reader.chip is not None and not reader.chip.is_left_to_pcsc


def _has_pcsc_reader(machine: Machine) -> bool:
    try:
        return bool(machine.pcsc_readers())
    except DeviceError:
        return False


def _first_that_opens(
    around: Surroundings, readers: Iterable[UsbReader]
) -> tuple[str | None, list[DeviceError]]:
    """Among these and the serial ports; what was wrong with those before it."""
    names = [reader.device for reader in readers]
    names += [f"tty:{port.name.removeprefix('tty')}:pn532" for port in around.machine.serial_ports()]
    troubles = []
    for name in names:
        try:
            around.opens(name)
        except DeviceError as error:
            troubles.append(error)
        else:
            return name, troubles
    return None, troubles


def _most_telling(troubles: list[DeviceError]) -> DeviceError:
    for trouble in _TELLING:
        for error in troubles:
            if error.trouble is trouble:
                return error
    return DeviceError(Trouble.NOT_FOUND, AUTO)
