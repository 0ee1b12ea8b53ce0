"""Settings survive a restart, a damaged file and a newer version; the PIN changes only by the old one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.engine.values import Trouble
from app.presenters.views.settings import Look, Pace, PinStep, TapReader
from tests.support.manual_worker import PIN, NetworkSource, Person, person
from tests.support.wallets import WalletNetwork


@pytest.fixture
def net(tmp_path: Path) -> Iterator[WalletNetwork]:
    net = WalletNetwork(tmp_path, on_disk=True)
    net.wallet("alia")
    yield net
    net.close()


def opens(net: WalletNetwork) -> Person:
    return person(NetworkSource(net, "alia"), lambda: net.world.now, net.folder / "alia").unlock()


def test_settings_survive_a_restart_and_keep_what_a_newer_version_wrote(net: WalletNetwork) -> None:
    file = net.folder / "alia" / "app.json"
    file.write_text(json.dumps({"newer": {"thing": 1}, "look": "sepia", "is_large": "yes"}), "utf-8")
    alia = opens(net)
    settings = alia.container.settings
    assert (settings.view.look, settings.view.is_large) == (Look.SYSTEM, False)
    settings.set_look(Look.DARK)
    settings.set_language("kk")
    settings.set_large(True)
    settings.set_pace(Pace.SLOW)
    settings.set_camera("/dev/video2")
    settings.set_reader("tty:USB0")
    settings.set_tap_reader(TapReader.PAYER)
    settings.set_language("tlh")
    assert settings.view.language == "kk"
    alia.settle()
    again = opens(net).container.settings.view
    assert again == settings.view
    assert json.loads(file.read_text("utf-8"))["newer"] == {"thing": 1}


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 60_000, b'{"language": 5, "camera": ""}']
)
def test_a_damaged_file_is_as_none(net: WalletNetwork, content: bytes) -> None:
    first = opens(net).container.settings.view
    (net.folder / "alia" / "app.json").write_bytes(content)
    alia = opens(net)
    assert alia.container.settings.view == first
    alia.container.settings.set_large(True)
    alia.settle()
    assert opens(net).container.settings.view.is_large


def test_the_language_is_the_systems_at_first(net: WalletNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("QALTA_LANG", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "ru_KZ.UTF-8")
    assert opens(net).container.settings.view.language == "ru"


def test_a_file_that_cannot_be_written_says_so(net: WalletNetwork) -> None:
    alia = opens(net)
    (net.folder / "alia" / "app.json.part").mkdir()
    alia.container.settings.set_large(True)
    alia.settle()
    assert alia.container.settings.view.is_large
    assert alia.container.settings.view.trouble is not None
    assert alia.container.settings.view.trouble.code == "storage_fault"


def changes(alia: Person, *pins: str) -> None:
    settings = alia.container.settings
    settings.begin_pin()
    for pin in pins:
        alia.type(settings.pin_press, pin)
        settings.pin_next()
        alia.settle()


def test_a_pin_changes_by_the_old_one(net: WalletNetwork) -> None:
    alia = opens(net)
    changes(alia, PIN, "80808", "80808")
    assert (alia.container.settings.view.pin_step, alia.container.settings.view.trouble) == (
        PinStep.CHANGED,
        None,
    )
    net.keystores["alia"].confirm_pin("80808")


def test_a_wrong_old_pin_changes_nothing(net: WalletNetwork) -> None:
    alia = opens(net)
    changes(alia, "0000", "80808", "80808")
    view = alia.container.settings.view
    assert view.trouble is not None
    assert (view.pin_step, view.trouble.code) == (PinStep.OLD, "pin_wrong")
    net.keystores["alia"].confirm_pin(PIN)


def test_two_new_pins_that_differ_are_asked_for_again(net: WalletNetwork) -> None:
    alia = opens(net)
    changes(alia, PIN, "80808", "80809")
    settings = alia.container.settings
    assert (settings.view.pin_step, settings.view.trouble) == (PinStep.NEW, Trouble("pins_differ"))
    settings.cancel_pin()
    assert settings.view.pin_step is PinStep.NONE
    net.keystores["alia"].confirm_pin(PIN)


def test_what_a_start_was_told_to_use_is_kept_nowhere(net: WalletNetwork) -> None:
    alia = opens(net)
    alia.container.settings.use(language="kk", camera="window:pixels", reader="udp:127.0.0.1:7300")
    alia.container.settings.set_large(True)
    alia.settle()
    view = alia.container.settings.view
    assert (view.language, view.camera, view.reader) == ("kk", "window:pixels", "udp:127.0.0.1:7300")
    again = opens(net).container.settings.view
    assert again.is_large
    assert (again.camera, again.reader) == ("0", "auto")
