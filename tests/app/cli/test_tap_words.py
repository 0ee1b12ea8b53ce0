"""What is said of taps before anything is opened: words that do not fit, devices that cannot be used, the doctor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.catalogue import LANGUAGES, catalogue
from app.cli.main import main
from tests.app.catalogue.sentences import sentences
from wallet.transport.nfc import Trouble
from wallet.transport.nfc.doctor import OBSTACLES, Fact, Finding, obstacles, usable

UDP = "udp:127.0.0.1:4000"
MIXED = [
    ("pay", "--nfc", "request.png"),
    ("pay", "--nfc", "--out", "payment"),
    ("pay", "--nfc", "--again", "00"),
    ("pay", "--nfc", "--seconds", "0"),
    ("pay", "--nfc", "--seconds", "3601"),
    ("pay", "--nfc", "--as", "pigeon"),
    ("pay", "--as", "card", "request.png"),
    ("pay", "--again", "00", "--device", "auto"),
    ("pay",),
    ("receive", "--nfc"),
    ("receive", "--nfc", "--amount", "1", "--request", "00"),
    ("receive", "--nfc", "--amount", "1", "--minutes", "0"),
    ("receive", "--nfc", "--amount", "1", "--memo", "x" * 300),
    ("receive", "--nfc", "--amount", "1", "--out", "receipt.png"),
    ("receive", "--amount", "1", "payment"),
    ("receive", "--out", "receipt.png"),
    ("receive",),
]
TROUBLE = [
    ("pay", UDP, "developer_only", "QALTA_DEVELOPER=1"),
    ("receive", UDP, "developer_only", "QALTA_DEVELOPER=1"),
    ("pay", "vpcd:localhost:35963", "developer_only", "QALTA_DEVELOPER=1"),
    ("pay", "udp:127.0.0.1:70000", "name_unknown", "is not the name of a device"),
    ("pay", "pigeon", "name_unknown", "is not the name of a device"),
    ("pay", "pcsc", "no_card_side", "--as reader"),
]


@pytest.fixture(autouse=True)
def no_developer(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("QALTA_DEVELOPER", "QALTA_NFC"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("words", MIXED, ids=" ".join)
def test_words_that_do_not_fit_are_status_2(tmp_path: Path, words: tuple[str, ...]) -> None:
    assert main(["--home", str(tmp_path), *words]) == 2


@pytest.mark.parametrize(("command", "device", "trouble", "words"), TROUBLE)
def test_status_3_says_what_is_the_matter_with_the_device(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, device: str, trouble: str, words: str
) -> None:
    amount = ["--amount", "1"] if command == "receive" else []
    assert main(["--home", str(tmp_path), "--json", command, "--nfc", "--device", device, *amount]) == 3
    said = json.loads(capsys.readouterr().out)
    assert said["error"] == f"nfc.trouble_{trouble}"
    assert words in said["told"]


def test_the_device_may_stand_in_the_environment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QALTA_NFC", UDP)
    assert main(["--home", str(tmp_path), "--json", "pay", "--nfc"]) == 3
    assert json.loads(capsys.readouterr().out)["error"] == "nfc.trouble_developer_only"
    monkeypatch.setenv("QALTA_DEVELOPER", "1")
    assert main(["--home", str(tmp_path), "pay", "--nfc", "--device", "udp:127.0.0.1:4000"]) == 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_trouble_and_every_finding_has_words(language: str) -> None:
    said = sentences(language)
    assert {f"nfc.trouble_{trouble.value}" for trouble in Trouble} <= set(said)
    assert {f"nfc.{fact.value}" for fact in Fact} <= set(said)
    assert {f"nfc.do_{fact.value}" for fact in OBSTACLES} <= set(said)


READERS = [Fact.USB_READER, Fact.USB_READER_ONLY, Fact.USB_FOR_PCSC, Fact.SERIAL_PORT, Fact.PCSC_READER]


@pytest.mark.parametrize("fact", READERS)
def test_whatever_stands_in_the_way_has_words_for_what_to_do(fact: Fact) -> None:
    everything = tuple(Finding(other, "usb:1:1") for other in Fact if other not in READERS)
    found = (Finding(fact, "usb:1:1"), *everything)
    words = sentences("en")
    assert {f"nfc.do_{finding.fact.value}" for finding in obstacles(found)} <= set(words)
    assert usable(found) == ()


def test_a_reader_with_nothing_in_its_way_is_usable() -> None:
    found = (
        Finding(Fact.USB_READER, "usb:001:002"),
        Finding(Fact.USB_READER, "usb:001:003"),
        Finding(Fact.NODE_NOT_ALLOWED, "usb:001:003", "/dev/bus/usb/001/003"),
        Finding(Fact.USB_FOR_PCSC, "usb:001:004"),
        Finding(Fact.PCSC_READER, "pcsc:ACR122U"),
    )
    assert usable(found) == ("usb:001:002", "pcsc:ACR122U")
    assert usable((*found, Finding(Fact.LIBUSB_MISSING))) == ("pcsc:ACR122U",)


def test_the_doctor_looks_and_tells(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever this machine has, it comes to an end with 0 or 3 and one of two last words."""
    status = main(["--home", str(tmp_path), "--json", "nfc", "doctor"])
    told = json.loads(capsys.readouterr().out)
    assert status == (0 if told["usable"] else 3)
    assert {"fact": "nfcpy_present"} in told["findings"]
    assert main(["--home", str(tmp_path), "nfc", "doctor"]) == status
    last = " ".join(capsys.readouterr().out.split())
    words = catalogue("en").text("nfc.usable", devices=", ".join(told["usable"]))
    assert last.endswith(words if told["usable"] else catalogue("en").text("nfc.unusable"))
