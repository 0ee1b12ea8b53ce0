"""Which device a name means: the grammar, who may use what, and what `auto` finds on machines staged for it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transport.nfc.staged import Stage
from wallet.transport.nfc import DeviceError, Trouble
from wallet.transport.nfc.devices import Surroundings, open_card, open_reader
from wallet.transport.nfc.nfcpy_card import NfcpyCard
from wallet.transport.nfc.nfcpy_reader import NfcpyReader
from wallet.transport.nfc.pcsc_reader import PcscReader
from wallet.transport.nfc.virtual_card import VirtualCard

SCL3711 = "04e6:5591"
RCS330 = "054c:02e1"
ACR122U = "072f:2200"


@dataclass
class Auto:
    """`auto` on a staged machine; ``shut``: why a device does not open."""

    stage: Stage
    shut: dict[str, Trouble] = field(default_factory=dict)
    tried: list[str] = field(default_factory=list)

    def _opens(self, device: str) -> None:
        self.tried.append(device)
        if device in self.shut:
            raise DeviceError(self.shut[device], device)

    @property
    def around(self) -> Surroundings:
        return Surroundings(self.stage.machine, self._opens)

    def reader(self) -> type | tuple[Trouble, str]:
        try:
            return type(open_reader("auto", surroundings=self.around))
        except DeviceError as error:
            return error.trouble, error.device

    def card(self) -> type | tuple[Trouble, str]:
        try:
            return type(open_card("auto", surroundings=self.around))
        except DeviceError as error:
            return error.trouble, error.device


@pytest.fixture
def auto(tmp_path: Path) -> Auto:
    return Auto(Stage(tmp_path))


def trouble_of(name: str, *, card: bool = False, developer: bool = False) -> Trouble:
    with pytest.raises(DeviceError) as told:
        (open_card if card else open_reader)(name, developer=developer)
    assert told.value.device == name
    return told.value.trouble


@pytest.mark.parametrize("name", ["usb", "usb:04e6:5591", "usb:001:004", "tty:USB0:pn532", "tty:ACM0"])
def test_names_for_nfcpy(name: str) -> None:
    assert isinstance(open_reader(name), NfcpyReader)
    assert isinstance(open_card(name), NfcpyCard)


@pytest.mark.parametrize("name", ["pcsc", "pcsc:ACS ACR122U 00 00", "pcsc:vpcd:1"])
def test_names_for_the_smart_card_service(name: str) -> None:
    assert isinstance(open_reader(name), PcscReader)
    assert trouble_of(name, card=True) is Trouble.NO_CARD_SIDE


def test_simulations_are_for_developers() -> None:
    assert trouble_of("udp:127.0.0.1:4000") is Trouble.DEVELOPER_ONLY
    assert trouble_of("udp:127.0.0.1:4000", card=True) is Trouble.DEVELOPER_ONLY
    assert trouble_of("vpcd:127.0.0.1:4000", card=True) is Trouble.DEVELOPER_ONLY
    assert isinstance(open_reader("udp:127.0.0.1:4000", developer=True), NfcpyReader)
    assert isinstance(open_card("udp:127.0.0.1:4000", developer=True), NfcpyCard)
    assert isinstance(open_card("vpcd:localhost:4000", developer=True), VirtualCard)
    assert trouble_of("vpcd:127.0.0.1:4000", developer=True) is Trouble.NAME_UNKNOWN


@pytest.mark.parametrize(
    "name", ["", "pcsc:", "PCSC", "usb:", "usb:xyz", "vpcd", "vpcd:h:0", "vpcd:h:65536", "nfc"]
)
def test_other_names_are_unknown(name: str) -> None:
    assert trouble_of(name, developer=True) is Trouble.NAME_UNKNOWN
    assert trouble_of(name, card=True, developer=True) is Trouble.NAME_UNKNOWN


@given(st.text(max_size=30).filter(lambda name: name != "auto"))
def test_no_name_makes_anything_but_a_device_or_a_trouble(name: str) -> None:
    for opening in (open_reader, open_card):
        with suppress(DeviceError):
            opening(name)


def test_auto_on_a_machine_without_a_reader(auto: Auto) -> None:
    assert auto.reader() == (Trouble.NOT_FOUND, "auto")
    assert auto.card() == (Trouble.NOT_FOUND, "auto")


def test_auto_prefers_what_nfcpy_opens(auto: Auto) -> None:
    auto.stage.usb(ACR122U)
    auto.stage.usb(SCL3711)
    auto.stage.pcsc = ("ACS ACR122U 00 00",)
    assert auto.reader() is NfcpyReader
    assert auto.card() is NfcpyCard
    assert auto.tried == ["usb:04e6:5591", "usb:04e6:5591"]


def test_auto_tries_a_pn532_at_serial_ports(auto: Auto) -> None:
    auto.stage.serial("ttyUSB0")
    auto.stage.serial("ttyUSB1")
    auto.shut["tty:USB0:pn532"] = Trouble.NOT_FOUND
    assert auto.reader() is NfcpyReader
    assert auto.tried == ["tty:USB0:pn532", "tty:USB1:pn532"]


def test_auto_leaves_to_pcsc_what_is_its(auto: Auto) -> None:
    auto.stage.usb(ACR122U)
    auto.stage.pcsc = ("ACS ACR122U 00 00",)
    assert auto.reader() is PcscReader
    assert auto.tried == []
    assert auto.card() == (Trouble.NO_CARD_SIDE, "auto")


def test_a_reader_that_cannot_be_the_card(auto: Auto) -> None:
    auto.stage.usb(RCS330)
    assert auto.reader() is NfcpyReader
    assert auto.card() == (Trouble.NO_CARD_SIDE, "auto")


@pytest.mark.parametrize(
    "trouble", [Trouble.NOT_ALLOWED, Trouble.BUSY, Trouble.LIBRARY_MISSING, Trouble.PACKAGE_MISSING]
)
def test_auto_says_why_the_reader_that_is_there_cannot_be_used(auto: Auto, trouble: Trouble) -> None:
    auto.stage.usb(SCL3711)
    auto.shut["usb:04e6:5591"] = trouble
    assert auto.reader() == (trouble, "usb:04e6:5591")
    assert auto.card() == (trouble, "usb:04e6:5591")
    auto.stage.pcsc = ("Another 00 00",)
    assert auto.reader() is PcscReader


@pytest.mark.parametrize(
    "trouble", [Trouble.SERVICE_STOPPED, Trouble.PACKAGE_MISSING, Trouble.LIBRARY_MISSING]
)
def test_a_service_is_missed_only_by_a_reader_that_needs_it(auto: Auto, trouble: Trouble) -> None:
    auto.stage.pcsc = trouble
    assert auto.reader() == (Trouble.NOT_FOUND, "auto")
    auto.stage.usb(ACR122U)
    assert auto.reader() == (trouble, "pcsc")
