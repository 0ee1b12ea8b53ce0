"""A machine made of files in a folder: USB devices, serial ports, the smart card service and who holds what."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from wallet.transport.nfc import DeviceError, Trouble
from wallet.transport.nfc.machine import LIBUSB, Machine
from wallet.transport.nfc.pcsc_reader import LIBRARY

SERVICE_PROCESS = 42


@dataclass
class Stage:
    """``packages`` and ``libraries`` are what is installed; ``forbidden`` what this user may not use; ``pcsc`` what the
    service's readers are, or why it does not tell."""

    folder: Path
    packages: set[str] = field(default_factory=lambda: {"nfc", "smartcard"})
    libraries: set[str] = field(default_factory=lambda: {LIBUSB[0], LIBRARY})
    forbidden: set[Path] = field(default_factory=set)
    pcsc: tuple[str, ...] | Trouble = Trouble.SERVICE_STOPPED
    _count: int = 0

    @property
    def machine(self) -> Machine:
        roots = (self.folder / name for name in ("sys", "dev", "run", "proc"))
        return Machine(  # type: ignore[call-arg]
            *roots,  # type: ignore[arg-type]
            lambda path: path not in self.forbidden,
            self.packages.__contains__,
            self.libraries.__contains__,
            self._readers,
        )

    def _readers(self) -> tuple[str, ...]:
        if isinstance(self.pcsc, Trouble):
            raise DeviceError(self.pcsc, "pcsc")
        return self.pcsc

    def write(self, path: str, text: str = "") -> Path:
        full = self.folder / path
        full.parent.mkdir(parents=True, exist_ok=True)
        full.write_text(text)
        return full

    def usb(self, vendor_product: str, driver: str = "", *, kind: str = "ff", has_node: bool = True) -> Path:
        """A device with one interface of this class, as sysfs shows it; its device file."""
        self._count += 1
        vendor, product = vendor_product.split(":")
        home = f"sys/bus/usb/devices/1-{self._count}"
        facts = {"idVendor": vendor, "idProduct": product, "busnum": "1", "devnum": str(self._count)}
        for name, text in facts.items():
            self.write(f"{home}/{name}", f"{text}\n")
        interface = self.write(f"{home}/1-{self._count}:1.0/bInterfaceClass", f"{kind}\n").parent
        if driver:
            (interface / "driver").symlink_to(f"../../../../../bus/usb/drivers/{driver}")
        node = f"dev/bus/usb/001/{self._count:03}"
        return self.write(node) if has_node else self.folder / node

    def serial(self, name: str) -> Path:
        self.write(f"sys/class/tty/{name}/dev", "188:0\n")
        return self.write(f"dev/{name}")

    def service(self, *held: Path, is_running: bool = True) -> Callable[[], None]:
        """Its socket, and its process if it runs, with these files open; what to call in the end."""
        (self.folder / "run/pcscd").mkdir(parents=True)
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(self.folder / "run/pcscd/pcscd.comm"))
        if is_running:
            self.write(f"proc/{SERVICE_PROCESS}/comm", "pcscd\n")
            opened = self.folder / f"proc/{SERVICE_PROCESS}/fd"
            opened.mkdir()
            for number, node in enumerate(held, 3):
                (opened / str(number)).symlink_to(node)
        return listening.close
