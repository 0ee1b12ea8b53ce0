"""The doctor finds what stands between a machine and a tap, each on a machine staged for it and on the real one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.transport.nfc.staged import Stage
from wallet.transport.nfc import Trouble
from wallet.transport.nfc.doctor import Fact, Finding, examine, obstacles

SOFTWARE = {
    Fact.NFCPY_PRESENT,
    Fact.NFCPY_MISSING,
    Fact.LIBUSB_PRESENT,
    Fact.LIBUSB_MISSING,
    Fact.PYSCARD_PRESENT,
    Fact.PYSCARD_MISSING,
    Fact.PCSC_LIBRARY_PRESENT,
    Fact.PCSC_LIBRARY_MISSING,
    Fact.PCSCD_RUNNING,
    Fact.PCSCD_ON_DEMAND,
    Fact.PCSCD_ABSENT,
}
SCL3711 = "04e6:5591"
RCS380 = "054c:06c3"
RCS330 = "054c:02e1"
ACR122U = "072f:2200"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture
def service(stage: Stage) -> Iterator[None]:
    """The smart card service runs and holds nothing."""
    close = stage.service()
    yield
    close()


def software(stage: Stage) -> list[Fact]:
    return [finding.fact for finding in examine(stage.machine) if finding.fact in SOFTWARE]


def hardware(stage: Stage) -> list[Finding]:
    return [finding for finding in examine(stage.machine) if finding.fact not in SOFTWARE]


def test_a_bare_machine(stage: Stage) -> None:
    stage.packages, stage.libraries = set(), set()
    assert software(stage) == [
        Fact.NFCPY_MISSING,
        Fact.LIBUSB_MISSING,
        Fact.PYSCARD_MISSING,
        Fact.PCSC_LIBRARY_MISSING,
        Fact.PCSCD_ABSENT,
    ]
    assert hardware(stage) == [Finding(Fact.NO_READER)]
    assert obstacles(examine(stage.machine)) == (Finding(Fact.NO_READER),)


def test_software_that_is_there(stage: Stage, service: None) -> None:
    stage.pcsc = ()
    assert software(stage) == [
        Fact.NFCPY_PRESENT,
        Fact.LIBUSB_PRESENT,
        Fact.PYSCARD_PRESENT,
        Fact.PCSC_LIBRARY_PRESENT,
        Fact.PCSCD_RUNNING,
    ]


def test_a_reader_in_order_needs_nothing(stage: Stage) -> None:
    stage.usb(SCL3711)
    stage.usb("1d6b:0002")
    assert hardware(stage) == [Finding(Fact.USB_READER, "usb:04e6:5591", "pn533")]
    assert obstacles(examine(stage.machine)) == ()


@pytest.mark.parametrize(
    ("ids", "fact", "chip"),
    [
        (RCS380, Fact.USB_READER, "rcs380"),
        (RCS330, Fact.USB_READER_ONLY, "rcs956"),
        (ACR122U, Fact.USB_FOR_PCSC, "acr122"),
    ],
)
def test_what_a_reader_can_be(stage: Stage, ids: str, fact: Fact, chip: str) -> None:
    stage.usb(ids)
    assert hardware(stage) == [Finding(fact, f"usb:{ids}", chip)]


def test_any_reader_of_the_smart_card_class_is_for_pcsc(stage: Stage) -> None:
    stage.usb("072f:223b", kind="0b")
    assert hardware(stage) == [Finding(Fact.USB_FOR_PCSC, "usb:072f:223b", "")]


@pytest.mark.parametrize(("ids", "driver"), [(SCL3711, "pn533_usb"), (RCS380, "port100")])
def test_a_kernel_driver_that_has_the_reader(stage: Stage, ids: str, driver: str) -> None:
    stage.usb(ids, driver)
    assert hardware(stage)[1:] == [Finding(Fact.KERNEL_DRIVER, f"usb:{ids}", driver)]


def test_a_device_file_that_this_user_may_not_use(stage: Stage) -> None:
    node = stage.usb(SCL3711)
    stage.forbidden.add(node)
    assert hardware(stage)[1:] == [Finding(Fact.NODE_NOT_ALLOWED, f"usb:{SCL3711}", str(node))]


def test_a_device_file_that_is_not_there(stage: Stage) -> None:
    node = stage.usb(SCL3711, has_node=False)
    assert hardware(stage)[1:] == [Finding(Fact.NODE_MISSING, f"usb:{SCL3711}", str(node))]


def test_a_program_that_has_the_reader(stage: Stage, service: None) -> None:
    stage.pcsc = ()
    stage.usb(SCL3711, "usbfs")
    assert hardware(stage)[1] == Finding(Fact.HELD_BY_PROGRAM, f"usb:{SCL3711}")


def test_the_service_that_has_the_reader(stage: Stage) -> None:
    close = stage.service(stage.usb(SCL3711, "usbfs"))
    stage.pcsc = ("SCM SCL3711 00 00",)
    assert hardware(stage) == [
        Finding(Fact.USB_READER, f"usb:{SCL3711}", "pn533"),
        Finding(Fact.HELD_BY_PCSCD, f"usb:{SCL3711}"),
        Finding(Fact.PCSC_READER, "pcsc:SCM SCL3711 00 00"),
    ]
    close()


def test_the_service_may_have_what_is_left_to_it(stage: Stage) -> None:
    close = stage.service(stage.usb(ACR122U, "usbfs"))
    stage.pcsc = ("ACS ACR122U 00 00",)
    assert obstacles(examine(stage.machine)) == ()
    close()


def test_a_service_that_starts_on_demand(stage: Stage) -> None:
    close = stage.service(is_running=False)
    stage.pcsc = ()
    assert Fact.PCSCD_ON_DEMAND in software(stage)
    assert hardware(stage) == [Finding(Fact.PCSC_NO_READER), Finding(Fact.NO_READER)]
    close()


def test_a_process_number_that_another_program_has_now(stage: Stage, service: None) -> None:
    stage.write("proc/42/comm", "cat\n")
    stage.pcsc = ()
    assert Fact.PCSCD_ON_DEMAND in software(stage)


@pytest.mark.parametrize(
    ("trouble", "facts"),
    [
        (Trouble.NOT_ALLOWED, [Fact.PCSC_NOT_ALLOWED, Fact.NO_READER]),
        (Trouble.SERVICE_STOPPED, [Fact.PCSC_NO_ANSWER, Fact.NO_READER]),
        (Trouble.PACKAGE_MISSING, [Fact.NO_READER]),
        (Trouble.LIBRARY_MISSING, [Fact.NO_READER]),
    ],
)
def test_a_service_that_does_not_tell(
    stage: Stage, service: None, trouble: Trouble, facts: list[Fact]
) -> None:
    stage.pcsc = trouble
    assert [finding.fact for finding in hardware(stage)] == facts


def test_serial_ports(stage: Stage) -> None:
    mine, other = stage.serial("ttyUSB0"), stage.serial("ttyACM1")
    stage.serial("ttyS0")
    stage.serial("tty1")
    stage.forbidden.add(mine)
    assert hardware(stage) == [
        Finding(Fact.SERIAL_PORT, "tty:ACM1:pn532", str(other)),
        Finding(Fact.SERIAL_PORT, "tty:USB0:pn532", str(mine)),
        Finding(Fact.SERIAL_NOT_ALLOWED, "tty:USB0:pn532", str(mine)),
    ]


def test_what_is_missing_matters_only_to_a_reader_that_needs_it(stage: Stage) -> None:
    stage.packages, stage.libraries = set(), set()
    stage.usb(SCL3711)
    facts = {finding.fact for finding in obstacles(examine(stage.machine))}
    assert facts == {Fact.NFCPY_MISSING, Fact.LIBUSB_MISSING}
    stage.usb(ACR122U)
    facts = {finding.fact for finding in obstacles(examine(stage.machine))}
    assert facts >= {Fact.PYSCARD_MISSING, Fact.PCSC_LIBRARY_MISSING, Fact.PCSCD_ABSENT}


def test_this_machine() -> None:
    """Whatever is plugged in here, the packages are those that ./test installs."""
    findings = examine()
    assert Finding(Fact.NFCPY_PRESENT) in findings
    assert len([finding for finding in findings if finding.fact in SOFTWARE]) == 5
    assert len(findings) > 5
