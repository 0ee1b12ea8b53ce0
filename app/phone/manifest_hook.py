"""A hook of python-for-android (`p4a.hook` in buildozer.spec): adds the card service to the manifest.

buildozer can declare services, but none with an intent filter and meta-data. python-for-android loads this file by its
path and calls the functions by name, in the folder of the distribution. Rule: nothing but the standard library.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

MANIFEST: Final = Path("src/main/AndroidManifest.xml")
SERVICE: Final = "kz.qalta.hce.QaltaCardService"
_DECLARATION: Final = f"""
        <service android:name="{SERVICE}"
                 android:exported="true"
                 android:permission="android.permission.BIND_NFC_SERVICE">
            <intent-filter>
                <action android:name="android.nfc.cardemulation.action.HOST_APDU_SERVICE" />
                <category android:name="android.intent.category.DEFAULT" />
            </intent-filter>
            <meta-data android:name="android.nfc.cardemulation.host_apdu_service"
                       android:resource="@xml/apduservice" />
        </service>
"""


def before_apk_assemble(toolchain: object) -> None:
    """After the manifest was made, before Gradle reads it."""
    MANIFEST.write_text(with_card_service(MANIFEST.read_text("utf-8")), "utf-8")


def with_card_service(manifest: str) -> str:
    """``manifest`` with the service, once. ValueError where it has no application, or several."""
    if SERVICE in manifest:
        return manifest
    ends = [found.start() for found in re.finditer(r"[ \t]*</application\s*>", manifest)]
    if len(ends) != 1:
        raise ValueError("a manifest with one <application> was expected")
    return manifest[: ends[0]].rstrip() + "\n" + _DECLARATION + "\n" + manifest[ends[0] :]
