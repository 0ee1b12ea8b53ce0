"""What can be held of a phone build without building one: pins, permissions, the service's declaration, the port."""

from __future__ import annotations

import configparser
import re
import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from app.phone import hce, manifest_hook
from app.phone.hce import HceCard, android_mailbox
from tests.support.cli import ROOT
from wallet.transport.nfc import apdu
from wallet.transport.nfc.ports import CardDevice, Deadline, DeviceError, Trouble

PHONE = ROOT / "app" / "phone"
ANDROID = "{http://schemas.android.com/apk/res/android}"
README = (PHONE / "README.md").read_text("utf-8")


@pytest.fixture(scope="module")
def spec() -> configparser.RawConfigParser:
    """As buildozer reads it: case matters, no interpolation, a section for a list."""
    parser = configparser.RawConfigParser(allow_no_value=True)
    parser.optionxform = str  # type: ignore[assignment]
    parser.read_string((PHONE / "buildozer.spec").read_text("utf-8"))
    return parser


def lines(spec: configparser.ConfigParser, name: str) -> list[str]:
    return [key if value is None else f"{key}={value}" for key, value in spec.items(f"app:{name}")]


def test_every_pin_is_the_locks_and_whatever_has_none_is_explained(spec: configparser.ConfigParser) -> None:
    lock = (ROOT / "setup" / "run.lock").read_text("utf-8")
    locked = {
        canonicalize_name(name): version for name, version in re.findall(r"^([\w.-]+)==(\S+)", lock, re.M)
    }
    pinned = {}
    for line in lines(spec, "requirements"):
        requirement = Requirement(line)
        name = canonicalize_name(requirement.name)
        if requirement.specifier:
            pinned[name] = str(requirement.specifier).removeprefix("==")
        else:
            assert f"`{name}`" in README, name
    assert {name: locked.get(name) for name in pinned} == pinned
    assert pinned.keys() >= {"kivy", "kivymd", "materialyoucolor", "asynckivy", "asyncgui", "cbor2", "qrcode"}


def test_what_the_spec_names_is_there(spec: configparser.ConfigParser) -> None:
    app = spec["app"]
    assert (PHONE / app["source.dir"]).resolve() == ROOT
    for name in ("android.add_src", "android.res_xml", "p4a.hook"):
        assert (PHONE / app[name]).exists(), name
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.M)
    assert version
    assert app["version"] == version[1]
    assert int(app["android.minapi"]) >= 28
    assert app["android.allow_backup"] == "False"
    for name in app:
        assert " #" not in app[name], "buildozer takes no comments after a value"
    assert {"CAMERA", "NFC"} <= set(lines(spec, "android.permissions"))
    assert "android.hardware.nfc.hce" in lines(spec, "android.features")


def test_the_application_is_ours_and_needs_an_unlocked_phone() -> None:
    service = ET.parse(PHONE / "android" / "res" / "xml" / "apduservice.xml").getroot()
    assert service.tag == "host-apdu-service"
    assert service.get(f"{ANDROID}requireDeviceUnlock") == "true"
    (group,) = service
    assert group.get(f"{ANDROID}category") == "other"
    (aid,) = group
    assert bytes.fromhex(aid.get(f"{ANDROID}name") or "") == apdu.AID


def test_the_java_desk_knows_the_same_application_and_version() -> None:
    """So that a machine without a JDK sees it too, when one of them changes."""
    java = (PHONE / "android" / "java" / "kz" / "qalta" / "hce" / "ApduMailbox.java").read_text("utf-8")
    assert f'hex("{apdu.select().hex().upper()}")' in java
    assert f'SELECTED = hex("01{apdu.CHUNK:02X}00019000")' in java


MANIFEST = """<?xml version="1.0" encoding="utf-8"?>
<manifest xmlns:android="http://schemas.android.com/apk/res/android" package="kz.qalta.qalta">
    <uses-permission android:name="android.permission.NFC" />
    <application android:label="@string/app_name" android:allowBackup="false">
        <activity android:name="org.kivy.android.PythonActivity" android:exported="true" />
        <service android:name="org.kivy.android.PythonService" />
    </application>
</manifest>
"""


def test_the_hook_declares_the_service_once_and_leaves_the_rest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / manifest_hook.MANIFEST
    path.parent.mkdir(parents=True)
    path.write_text(MANIFEST, "utf-8")
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        manifest_hook.before_apk_assemble(object())
    application = ET.fromstring(path.read_text("utf-8")).find("application")
    assert application is not None
    names = [each.get(f"{ANDROID}name") for each in application]
    assert names == [
        "org.kivy.android.PythonActivity",
        "org.kivy.android.PythonService",
        "kz.qalta.hce.QaltaCardService",
    ]
    service = application[2]
    assert service.get(f"{ANDROID}permission") == "android.permission.BIND_NFC_SERVICE"
    assert service.get(f"{ANDROID}exported") == "true"
    action = service.find("intent-filter/action")
    meta = service.find("meta-data")
    assert action is not None
    assert meta is not None
    assert action.get(f"{ANDROID}name") == "android.nfc.cardemulation.action.HOST_APDU_SERVICE"
    assert meta.get(f"{ANDROID}name") == "android.nfc.cardemulation.host_apdu_service"
    assert meta.get(f"{ANDROID}resource") == "@xml/apduservice"
    java = PHONE / "android" / "java" / Path(*manifest_hook.SERVICE.split(".")).with_suffix(".java")
    assert java.exists()


def test_a_manifest_that_is_none_is_not_touched() -> None:
    with pytest.raises(ValueError, match="one <application>"):
        manifest_hook.with_card_service("<manifest/>")


def test_the_hook_needs_nothing_of_ours(tmp_path: Path) -> None:
    """python-for-android loads the file alone."""
    alone = shutil.copy(PHONE / "manifest_hook.py", tmp_path)
    assert not re.search(r"^\s*(from|import) (app|wallet|hsm)\b", Path(alone).read_text("utf-8"), re.M)


class Script:
    """A mailbox that gives these calls."""

    def __init__(self, *calls: list[int] | str | None) -> None:
        self._calls = list(calls)
        self.did: list[str] = []
        self.now = 0.0

    def attach(self) -> None:
        self.did.append("attach")

    def detach(self) -> None:
        self.did.append("detach")

    def answer(self, response: bytes) -> None:
        self.did.append(response.hex())

    def take(self, milliseconds: int) -> Script | None:
        self.now += milliseconds / 1_000
        given = self._calls.pop(0) if self._calls else "nobody"
        if given == "nobody":
            return None
        self.apdu = given
        return self


def test_a_phones_card_answers_until_the_reader_goes() -> None:
    mailbox = Script("nobody", [0, -92, 4], [-1], None, [1])
    card: CardDevice = HceCard(mailbox)
    heard: list[bytes] = []

    def answer(command: bytes) -> bytes:
        heard.append(command)
        return b"\x90\x00"

    assert card.serve(answer, Deadline(lambda: mailbox.now, 5.0))
    assert heard == [b"\x00\xa4\x04", b"\xff"]
    assert mailbox.did == ["attach", "9000", "9000", "detach"]


def test_nobody_came_in_time_and_a_wallet_that_fails_lets_go() -> None:
    mailbox = Script()
    assert not HceCard(mailbox).serve(lambda command: b"", Deadline(lambda: mailbox.now, 0.2))
    assert mailbox.did == ["attach", "detach"]
    failing = Script([1])

    def fail(command: bytes) -> bytes:
        raise KeyError

    with pytest.raises(KeyError):
        HceCard(failing).serve(fail, Deadline(lambda: 0.0, 1.0))
    assert failing.did == ["attach", "detach"]


def test_elsewhere_than_on_a_phone_that_is_said() -> None:
    with pytest.raises(DeviceError) as caught:
        android_mailbox()
    assert (caught.value.trouble, caught.value.device) == (Trouble.PACKAGE_MISSING, hce.NAME)


def test_the_page_claims_no_build() -> None:
    assert "No APK was built" in README
