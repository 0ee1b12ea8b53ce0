"""What stands between this machine and a tap: facts from a closed list, each about one thing, in a fixed order.

Rule: facts only. What they mean for a person and what to do about them is the catalogue's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from wallet.transport.nfc.machine import Machine, Service, UsbReader
from wallet.transport.nfc.pcsc_reader import LIBRARY
from wallet.transport.nfc.ports import DeviceError, Trouble


class Fact(StrEnum):
    """``device`` and ``value`` of a finding are what each line says in brackets; both are empty where it says none."""

    NFCPY_PRESENT = "nfcpy_present"
    NFCPY_MISSING = "nfcpy_missing"
    LIBUSB_PRESENT = "libusb_present"
    LIBUSB_MISSING = "libusb_missing"
    PYSCARD_PRESENT = "pyscard_present"
    PYSCARD_MISSING = "pyscard_missing"
    PCSC_LIBRARY_PRESENT = "pcsc_library_present"
    PCSC_LIBRARY_MISSING = "pcsc_library_missing"
    PCSCD_RUNNING = "pcscd_running"
    PCSCD_ON_DEMAND = "pcscd_on_demand"
    PCSCD_ABSENT = "pcscd_absent"
    USB_READER = "usb_reader"
    """A reader for nfcpy that can also be the card [usb:VID:PID, chip]."""
    USB_READER_ONLY = "usb_reader_only"
    """A reader for nfcpy that cannot be the card [usb:VID:PID, chip]."""
    USB_FOR_PCSC = "usb_for_pcsc"
    """A reader that is to be used by PC/SC [usb:VID:PID, chip or empty]."""
    KERNEL_DRIVER = "kernel_driver"
    """Linux's own driver has a reader that nfcpy must own [usb:VID:PID, driver]."""
    HELD_BY_PCSCD = "held_by_pcscd"
    """The smart card service has a reader that nfcpy must own [usb:VID:PID]."""
    HELD_BY_PROGRAM = "held_by_program"
    """A program has a reader that nfcpy must own; it may be the smart card service [usb:VID:PID]."""
    NODE_MISSING = "node_missing"
    """There is no device file for a reader, as in a container [usb:VID:PID, path]."""
    NODE_NOT_ALLOWED = "node_not_allowed"
    """This user may not use the device file [usb:VID:PID, path]."""
    SERIAL_PORT = "serial_port"
    """A serial port, at which a PN532 may be [tty:NAME:pn532, path]."""
    SERIAL_NOT_ALLOWED = "serial_not_allowed"
    """This user may not use the serial port [tty:NAME:pn532, path]."""
    PCSC_READER = "pcsc_reader"
    """A reader that the smart card service offers [pcsc:NAME]."""
    PCSC_NO_READER = "pcsc_no_reader"
    """The smart card service answers and knows no reader."""
    PCSC_NOT_ALLOWED = "pcsc_not_allowed"
    """The smart card service does not let this user in."""
    PCSC_NO_ANSWER = "pcsc_no_answer"
    """The smart card service is there and does not answer."""
    NO_READER = "no_reader"
    """Nothing that could be a reader was found."""


OBSTACLES: Final = frozenset(
    {
        Fact.KERNEL_DRIVER,
        Fact.HELD_BY_PCSCD,
        Fact.HELD_BY_PROGRAM,
        Fact.NODE_MISSING,
        Fact.NODE_NOT_ALLOWED,
        Fact.SERIAL_NOT_ALLOWED,
        Fact.PCSC_NOT_ALLOWED,
        Fact.PCSC_NO_ANSWER,
        Fact.NO_READER,
    }
)
"""What keeps a reader from being used. What is merely missing is one only where a reader needs it: ``obstacles``."""


@dataclass(frozen=True, slots=True)
class Finding:
    """``device``: a name for ``devices.open_reader``."""

    fact: Fact
    device: str = ""
    value: str = ""


def examine(machine: Machine | None = None) -> tuple[Finding, ...]:
    """All findings: software first, then each reader with what stands in its way."""
    machine = machine or Machine()
    software = tuple(_software(machine))
    usb = tuple(finding for reader in machine.usb_readers() for finding in _usb(machine, reader))
    serial = tuple(_serial(machine))
    pcsc = tuple(_pcsc(machine))
    readers = {Fact.USB_READER, Fact.USB_READER_ONLY, Fact.USB_FOR_PCSC, Fact.SERIAL_PORT, Fact.PCSC_READER}
    found = any(finding.fact in readers for finding in (*usb, *serial, *pcsc))
    return (*software, *usb, *serial, *pcsc, *(() if found else (Finding(Fact.NO_READER),)))


def obstacles(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Those that something must be done about."""
    facts = {finding.fact for finding in findings}
    stopping = set(OBSTACLES)
    if facts & {Fact.USB_READER, Fact.USB_READER_ONLY, Fact.SERIAL_PORT}:
        stopping.add(Fact.NFCPY_MISSING)
    if facts & {Fact.USB_READER, Fact.USB_READER_ONLY}:
        stopping.add(Fact.LIBUSB_MISSING)
    if facts & {Fact.USB_FOR_PCSC, Fact.PCSC_READER}:
        stopping |= {Fact.PYSCARD_MISSING, Fact.PCSC_LIBRARY_MISSING, Fact.PCSCD_ABSENT}
    return tuple(finding for finding in findings if finding.fact in stopping)


def _software(machine: Machine) -> Iterator[Finding]:
    def either(is_there: bool, present: Fact, missing: Fact) -> Finding:
        return Finding(present if is_there else missing)

    yield either(machine.has_package("nfc"), Fact.NFCPY_PRESENT, Fact.NFCPY_MISSING)
    yield either(machine.has_libusb(), Fact.LIBUSB_PRESENT, Fact.LIBUSB_MISSING)
    yield either(machine.has_package("smartcard"), Fact.PYSCARD_PRESENT, Fact.PYSCARD_MISSING)
    yield either(machine.has_library(LIBRARY), Fact.PCSC_LIBRARY_PRESENT, Fact.PCSC_LIBRARY_MISSING)
    yield Finding(
        {
            Service.RUNNING: Fact.PCSCD_RUNNING,
            Service.ON_DEMAND: Fact.PCSCD_ON_DEMAND,
            Service.ABSENT: Fact.PCSCD_ABSENT,
        }[machine.service()]
    )


def _usb(machine: Machine, reader: UsbReader) -> Iterator[Finding]:
    chip = reader.chip
    if chip is None or chip.is_left_to_pcsc:
        yield Finding(Fact.USB_FOR_PCSC, reader.device, chip.value if chip else "")
        return
    yield Finding(Fact.USB_READER if chip.can_be_card else Fact.USB_READER_ONLY, reader.device, chip.value)
    for driver in reader.kernel_drivers:
        yield Finding(Fact.KERNEL_DRIVER, reader.device, driver)
    if machine.service_holds(reader.node):
        yield Finding(Fact.HELD_BY_PCSCD, reader.device)
    elif reader.is_taken_by_program:
        yield Finding(Fact.HELD_BY_PROGRAM, reader.device)
    if not reader.node.exists():
        yield Finding(Fact.NODE_MISSING, reader.device, str(reader.node))
    elif not machine.may_use(reader.node):
        yield Finding(Fact.NODE_NOT_ALLOWED, reader.device, str(reader.node))


def _serial(machine: Machine) -> Iterator[Finding]:
    for port in machine.serial_ports():
        device = f"tty:{port.name.removeprefix('tty')}:pn532"
        yield Finding(Fact.SERIAL_PORT, device, str(port))
        if not machine.may_use(port):
            yield Finding(Fact.SERIAL_NOT_ALLOWED, device, str(port))


def _pcsc(machine: Machine) -> Iterator[Finding]:
    if machine.service() is Service.ABSENT:
        return
    try:
        names = machine.pcsc_readers()
    except DeviceError as error:
        if error.trouble is Trouble.NOT_ALLOWED:
            yield Finding(Fact.PCSC_NOT_ALLOWED)
        elif error.trouble is Trouble.SERVICE_STOPPED:
            yield Finding(Fact.PCSC_NO_ANSWER)
        return
    for name in names:
        yield Finding(Fact.PCSC_READER, f"pcsc:{name}")
    if not names:
        yield Finding(Fact.PCSC_NO_READER)
