"""The links on nfcpy before and between taps: names, and frontends that fail as real ones do."""

from __future__ import annotations

import errno
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import nfc
import nfc.clf
import pytest

from tests.transport.nfc.processes import ROOT
from wallet.transport.nfc import Deadline, DeviceError, Trouble, nfcpy_device
from wallet.transport.nfc.isodep import ATS, UNKNOWN_FRAME_SIZE
from wallet.transport.nfc.nfcpy_card import NfcpyCard
from wallet.transport.nfc.nfcpy_reader import NfcpyReader


def backwards(command: bytes) -> bytes:
    return command[::-1]


def within(seconds: float) -> Deadline:
    return Deadline(time.monotonic, time.monotonic() + seconds)


DEVICES = [
    lambda device: NfcpyCard(device).serve(backwards, within(60)),
    lambda device: NfcpyReader(device).tap(within(60)).__enter__(),
]


def trouble(use: Callable[[str], object], device: str) -> Trouble:
    with pytest.raises(DeviceError) as refused:
        use(device)
    assert refused.value.device == device
    return refused.value.trouble


@pytest.mark.parametrize("use", DEVICES, ids=["card", "reader"])
def test_the_simulated_radio_is_for_developers(use: Callable[[str], object]) -> None:
    assert trouble(use, "udp:127.0.0.1:54321") is Trouble.DEVELOPER_ONLY


@pytest.mark.parametrize(
    "device", ["", "usbx", "udp", "udp:host", "tty:USB0:udp", "../x", "usb:1:2:3", "UDP:h:1"]
)
def test_other_names_are_unknown(device: str) -> None:
    assert all(trouble(use, device) is Trouble.NAME_UNKNOWN for use in DEVICES)


@pytest.mark.parametrize(
    "device",
    [
        "usb",
        "usb:04e6",
        "usb:04e6:5591",
        "usb:001",
        "usb:001:023",
        "tty",
        "tty:USB0:pn532",
        "com:COM3",
        "tty:AMA0",
    ],
)
def test_names(device: str) -> None:
    nfcpy_device.check_name(device, is_developer=False)


WITHOUT_NFCPY = """
import sys
sys.modules["nfc"] = None
from wallet.transport.nfc import Deadline, DeviceError
from wallet.transport.nfc.nfcpy_card import NfcpyCard
from wallet.transport.nfc.nfcpy_reader import NfcpyReader
deadline = Deadline(lambda: 0.0, 1.0)
for use in (NfcpyCard("usb").serve, lambda _, until: NfcpyReader("usb").tap(until).__enter__()):
    try:
        use(bytes, deadline)
    except DeviceError as error:
        print(error.trouble.value)
"""


def test_without_nfcpy() -> None:
    command = [sys.executable, "-c", WITHOUT_NFCPY]
    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout.split() == [Trouble.PACKAGE_MISSING.value] * 2


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (OSError(errno.ENODEV, "none"), Trouble.NOT_FOUND),
        (OSError(errno.EACCES, "no"), Trouble.NOT_ALLOWED),
        (OSError(errno.EBUSY, "pcscd has it"), Trouble.BUSY),
        (OSError(errno.EIO, "broken"), Trouble.NOT_FOUND),
        (FileNotFoundError("libusb"), Trouble.LIBRARY_MISSING),
        (nfc.clf.transport.libusb.USBErrorPipe(), Trouble.NOT_FOUND),
        (nfc.clf.pn53x.Chipset.Error(1, "chip"), Trouble.NOT_FOUND),
    ],
    ids=repr,
)
def test_a_device_that_does_not_open(
    error: Exception, expected: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(path: str) -> None:
        raise error

    monkeypatch.setattr(nfc, "ContactlessFrontend", fails)
    monkeypatch.setattr(nfc.clf.transport.USB, "find", lambda path: [])
    assert all(trouble(use, "usb") is expected for use in DEVICES)


def test_a_reader_that_is_there_but_may_not_be_opened_is_not_said_to_be_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = [(0x1234, 0x5678, 1, 4), (0x04E6, 0x5591, 1, 5)]
    errors = {"usb:001:005": errno.EACCES}

    def fails(path: str) -> None:
        raise OSError(errors.get(path, errno.ENODEV), path)

    monkeypatch.setattr(nfc, "ContactlessFrontend", fails)
    monkeypatch.setattr(nfc.clf.transport.USB, "find", lambda path: found)
    assert all(trouble(use, "usb") is Trouble.NOT_ALLOWED for use in DEVICES)


class Chip:
    """A frontend whose driver answers RATS itself, as those of PN53x and RC-S380 do, and then hands over ``frames``."""

    def __init__(self, *frames: bytes | Exception, rats: bytes | None = None) -> None:
        self._frames = list(frames)
        self._rats = rats
        self.offer: Any = None
        self.sent: list[bytes | None] = []

    def listen(self, offer: Any, timeout: float) -> Any:
        self.offer = offer
        return nfc.clf.LocalTarget("106A", tt4_cmd=self._next(), rats_cmd=self._rats)

    def exchange(self, block: bytearray | None, timeout: float) -> bytearray | None:
        self.sent.append(None if block is None else bytes(block))
        return self._next() if timeout else None

    def _next(self) -> bytearray:
        frame = self._frames.pop(0)
        if isinstance(frame, Exception):
            raise frame
        return bytearray(frame)

    def close(self) -> None:
        self.sent.append(b"closed")

    def serve(self, monkeypatch: pytest.MonkeyPatch) -> bool:
        monkeypatch.setattr(nfc, "ContactlessFrontend", lambda path: self)
        return NfcpyCard("tty:USB0:pn532", random=bytes).serve(backwards, within(60))


def test_a_chip_that_answers_rats_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = nfc.clf.BrokenLinkError()
    chip = Chip(
        b"\x02123", nfc.clf.TransmissionError(), b"\xb2", b"\x03" + bytes(200), b"\xa2", b"\xc2", gone
    )
    assert chip.serve(monkeypatch)
    room = UNKNOWN_FRAME_SIZE - 3
    again = b"\x02321"
    assert chip.sent == [
        again,
        None,
        again,
        b"\x13" + bytes(room),
        b"\x02" + bytes(200 - room),
        b"\xc2",
        b"closed",
    ]
    assert bytes(chip.offer.rats_res) == ATS
    assert bytes(chip.offer.sdd_res) == b"\x08\x00\x00\x00"


def test_a_chip_that_says_what_rats_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    chip = Chip(b"\x0a\x01" + bytes(200), nfc.clf.BrokenLinkError(), rats=b"\xe0\x81")
    assert chip.serve(monkeypatch)
    assert chip.sent == [b"\x0a\x01" + bytes(200), b"closed"]


def test_a_device_that_breaks_during_a_tap(monkeypatch: pytest.MonkeyPatch) -> None:
    chip = Chip(b"\x02123", OSError(errno.EIO, "unplugged"))
    with pytest.raises(DeviceError) as refused:
        chip.serve(monkeypatch)
    assert refused.value.trouble is Trouble.NOT_FOUND
    assert chip.sent[-1] == b"closed"


def test_a_device_without_a_card_side(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DeviceError) as refused:
        Chip(nfc.clf.UnsupportedTargetError()).serve(monkeypatch)
    assert refused.value.trouble is Trouble.NO_CARD_SIDE


def test_a_simulated_port_is_a_number_even_where_it_has_a_name() -> None:
    """22 is `ssh` in /etc/services; nfcpy itself would look for a number in that."""
    with nfcpy_device.frontend("udp:localhost:22", is_developer=True) as clf:
        assert clf.device.addr == ("127.0.0.1", 22)
