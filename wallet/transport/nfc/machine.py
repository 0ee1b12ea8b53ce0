"""What this machine says about its readers in files: USB devices, serial ports, the smart card service. Linux.

Rule: looks only; opens no device and starts nothing. Every root and question is passed in, so that a test can stage a
machine in a folder.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from wallet.transport.nfc import pcsc_reader

LIBUSB: Final = ("libusb-1.0.so.0", "libusb-1.0.so")
_SMART_CARD_CLASS = 0x0B
_USER_PROGRAM = "usbfs"
_PORT = re.compile(r"tty(USB|ACM|AMA)\d+")
_USB_DEVICE = re.compile(r"\d+-[\d.]+")


class Chip(StrEnum):
    """Chips of readers that nfcpy has a driver for."""

    PN531 = "pn531"
    PN532 = "pn532"
    PN533 = "pn533"
    RCS380 = "rcs380"
    RCS956 = "rcs956"
    ACR122 = "acr122"

    @property
    def is_left_to_pcsc(self) -> bool:
        """nfcpy itself advises against it, and its current revisions fail with nfcpy but work by PC/SC."""
        return self is Chip.ACR122

    @property
    def can_be_card(self) -> bool:
        """nfcpy's driver can listen as an ISO-DEP card."""
        return self not in (Chip.ACR122, Chip.RCS956)


KNOWN: Final = {
    (0x054C, 0x0193): Chip.PN531,
    (0x04CC, 0x0531): Chip.PN531,
    (0x04CC, 0x2533): Chip.PN533,
    (0x04E6, 0x5591): Chip.PN533,
    (0x04E6, 0x5593): Chip.PN533,
    (0x054C, 0x02E1): Chip.RCS956,
    (0x054C, 0x06C1): Chip.RCS380,
    (0x054C, 0x06C3): Chip.RCS380,
    (0x072F, 0x2200): Chip.ACR122,
}
"""By USB vendor and product."""


@dataclass(frozen=True, slots=True)
class UsbReader:
    """A device that nfcpy knows (``chip``) or that says of itself that it is a smart card reader (``chip`` None).
    ``drivers``: what is bound to its interfaces; ``usbfs`` stands for a program."""

    vendor: int
    product: int
    chip: Chip | None
    node: Path
    drivers: tuple[str, ...]

    @property
    def device(self) -> str:
        """Its name for ``devices.open_reader``."""
        return f"usb:{self.vendor:04x}:{self.product:04x}"

    @property
    def is_taken_by_program(self) -> bool:
        return _USER_PROGRAM in self.drivers

    @property
    def kernel_drivers(self) -> tuple[str, ...]:
        return tuple(driver for driver in self.drivers if driver != _USER_PROGRAM)


class Service(StrEnum):
    """The smart card service, pcscd."""

    ABSENT = "absent"
    ON_DEMAND = "on_demand"
    RUNNING = "running"


def _may_use(path: Path) -> bool:
    return os.access(path, os.R_OK | os.W_OK)


def _has_package(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def _has_library(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class Machine:
    """``pcsc_readers`` asks the service for its readers' names and raises ``DeviceError``."""

    sys: Path = Path("/sys")
    dev: Path = Path("/dev")
    run: Path = Path("/run")
    proc: Path = Path("/proc")
    may_use: Callable[[Path], bool] = _may_use
    has_package: Callable[[str], bool] = _has_package
    has_library: Callable[[str], bool] = _has_library
    pcsc_readers: Callable[[], tuple[str, ...]] = pcsc_reader.pcsc_readers

    def has_libusb(self) -> bool:
        return any(self.has_library(name) for name in LIBUSB)

    def usb_readers(self) -> tuple[UsbReader, ...]:
        """In the order of the bus."""
        folder = self.sys / "bus" / "usb" / "devices"
        paths = sorted(_entries(folder), key=lambda path: path.name)
        found = (self._usb_reader(path) for path in paths if _USB_DEVICE.fullmatch(path.name))
        return tuple(reader for reader in found if reader is not None)

    def _usb_reader(self, path: Path) -> UsbReader | None:
        vendor, product = _number(path / "idVendor", 16), _number(path / "idProduct", 16)
        bus, number = _number(path / "busnum", 10), _number(path / "devnum", 10)
        if vendor is None or product is None or bus is None or number is None:
            return None
        interfaces = [each for each in _entries(path) if each.name.startswith(f"{path.name}:")]
        chip = KNOWN.get((vendor, product))
        if chip is None and not any(_is_smart_card_reader(each) for each in interfaces):
            return None
        links = sorted(each / "driver" for each in interfaces if (each / "driver").is_symlink())
        drivers = tuple(dict.fromkeys(link.readlink().name for link in links))
        node = self.dev / "bus" / "usb" / f"{bus:03}" / f"{number:03}"
        return UsbReader(vendor, product, chip, node, drivers)

    def serial_ports(self) -> tuple[Path, ...]:
        """USB adapters and a board's own UART, at which a PN532 may be; a PC's old ports are left out."""
        names = sorted(path.name for path in _entries(self.sys / "class" / "tty"))
        return tuple(self.dev / name for name in names if _PORT.fullmatch(name))

    def service(self) -> Service:
        if self.service_process() is not None:
            return Service.RUNNING
        try:
            is_socket = stat.S_ISSOCK((self.run / "pcscd" / "pcscd.comm").stat().st_mode)
        except OSError:
            is_socket = False
        return Service.ON_DEMAND if is_socket else Service.ABSENT

    def service_process(self) -> Path | None:
        """Its folder below ``proc``; what another program left in the file counts for nothing."""
        number = _number(self.run / "pcscd" / "pcscd.pid", 10)
        folder = self.proc / str(number)
        return folder if number is not None and _text(folder / "comm") == "pcscd" else None

    def service_holds(self, node: Path) -> bool | None:
        """Whether the service has that device open; None if this user may not know."""
        process = self.service_process()
        if process is None:
            return False
        try:
            return any(path.readlink() == node for path in (process / "fd").iterdir())
        except PermissionError:
            return None
        except OSError:
            return False


def _is_smart_card_reader(interface: Path) -> bool:
    return _number(interface / "bInterfaceClass", 16) == _SMART_CARD_CLASS


def _entries(folder: Path) -> Iterator[Path]:
    try:
        yield from folder.iterdir()
    except OSError:
        return


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace").strip()
    except OSError:
        return ""


def _number(path: Path, base: int) -> int | None:
    try:
        return int(_text(path), base)
    except ValueError:
        return None
