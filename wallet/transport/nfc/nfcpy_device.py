"""Opening a device that nfcpy drives, and what its exceptions mean.

Rule: nothing of nfcpy, pyserial or libusb gets past this package; whatever they raise is ``DeviceError`` or
``LinkLost``. nfcpy may be missing: then opening says so.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from wallet.transport.nfc.ports import DeviceError, Trouble

try:
    import nfc
    import nfc.clf
    import nfc.clf.device
    import nfc.clf.pn53x
    import nfc.clf.rcs380
    import nfc.clf.transport
    import nfc.tag
    import nfc.tag.tt4
except ImportError:
    nfc = None

__all__ = [
    "LINK_ERRORS",
    "Frontend",
    "as_device_error",
    "check_name",
    "frontend",
    "is_udp",
    "nfc",
    "trouble_of",
]

Frontend = Any
"""`nfc.ContactlessFrontend`, which carries no types."""

_NAMES: Final = re.compile(
    r"usb(:[0-9a-fA-F]{4}){0,2}"
    r"|usb(:\d{1,3}){1,2}"
    r"|(tty|com)(:[A-Za-z0-9-]+(:(arygon|pn532))?)?"
    r"|(?P<udp>udp):[A-Za-z0-9.-]+:\d{1,5}"
)
_TROUBLES: Final = {
    errno.EACCES: Trouble.NOT_ALLOWED,
    errno.EPERM: Trouble.NOT_ALLOWED,
    errno.EBUSY: Trouble.BUSY,
    errno.EADDRINUSE: Trouble.BUSY,
}

LINK_ERRORS: tuple[type[Exception], ...] = ()
"""What nfcpy raises when a link breaks or a stranger at its other end sends what no driver expects: its parsers index
and unpack unchecked, and its drivers assert."""
DEVICE_ERRORS: tuple[type[Exception], ...] = ()
"""What it raises when the device itself fails."""
if nfc is not None:
    DEVICE_ERRORS = (
        OSError,
        nfc.clf.transport.libusb.USBError,
        nfc.clf.pn53x.Chipset.Error,
        nfc.clf.rcs380.StatusError,
        nfc.clf.rcs380.CommunicationError,
    )
    LINK_ERRORS = (
        *DEVICE_ERRORS,
        nfc.clf.Error,
        nfc.tag.TagCommandError,
        ValueError,
        LookupError,
        TypeError,
        AssertionError,
    )


@contextmanager
def frontend(device: str, *, is_developer: bool) -> Iterator[Frontend]:
    """``device`` opened for one tap: ``usb[:VENDOR[:PRODUCT]]``, ``usb:BUS[:DEVICE]``, ``tty[:PORT[:DRIVER]]``,
    ``com[:PORT[:DRIVER]]`` or, for a developer, ``udp:HOST:PORT``, which listens on every interface of the machine.

    Raises ``DeviceError``.
    """
    check_name(device, is_developer=is_developer)
    with as_device_error(device):
        clf = _opened(device)
    try:
        yield clf
    finally:
        with suppress(*DEVICE_ERRORS):
            clf.close()


@contextmanager
def as_device_error(device: str) -> Iterator[None]:
    """What the device raises inside is ``DeviceError``."""
    try:
        yield
    except DEVICE_ERRORS as error:
        raise DeviceError(trouble_of(error, device), device) from error


def check_name(device: str, *, is_developer: bool) -> None:
    """Raises ``DeviceError``: NAME_UNKNOWN, DEVELOPER_ONLY, PACKAGE_MISSING."""
    name = _NAMES.fullmatch(device)
    if name is None:
        raise DeviceError(Trouble.NAME_UNKNOWN, device)
    if name["udp"] and not is_developer:
        raise DeviceError(Trouble.DEVELOPER_ONLY, device)
    if nfc is None:
        raise DeviceError(Trouble.PACKAGE_MISSING, device)


def is_udp(device: str) -> bool:
    return device.startswith("udp:")


def trouble_of(error: Exception, device: str) -> Trouble:
    """The kind of trouble. A device that has stopped answering counts as not found."""
    if isinstance(error, FileNotFoundError) and device.startswith("usb"):
        # What libusb1 raises where there is no libusb.
        return Trouble.LIBRARY_MISSING
    number = error.errno if isinstance(error, OSError) else None
    return _TROUBLES.get(number or 0, Trouble.NOT_FOUND)


def _opened(device: str) -> Frontend:
    """The first of the devices that ``device`` fits; the first one's error if none opens.

    nfcpy passes over devices that it may not open unless they are named in full, and then says that there are none.
    """
    first: Exception | None = None
    for name in _full_names(device):
        try:
            return nfc.ContactlessFrontend(name)
        except DEVICE_ERRORS as error:
            first = first or error
    if first is not None:
        raise first
    return nfc.ContactlessFrontend(device)


def _full_names(device: str) -> list[str]:
    """The USB devices that nfcpy has a driver for, as ``usb:BUS:DEVICE``."""
    found = nfc.clf.transport.USB.find(device) or []
    known = nfc.clf.device.usb_device_map
    return [f"usb:{bus:03}:{at:03}" for vendor, product, bus, at in found if (vendor, product) in known]
