"""What every keystore keeps, whatever stands behind it: memory, SoftHSM, and NSS softokn as a second,
independent PKCS#11 module. A module that is not installed is a failure here, not a skip."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

import hsm
from hsm.keystore import P256_ORDER, KeystoreCode
from tests.hsm.homes import (
    KINDS,
    NOW,
    OTHER_PIN,
    PIN,
    Home,
    digest,
    make_home,
    message,
    record,
    refused,
    verifies,
)


@pytest.fixture(params=KINDS)
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Home:
    return make_home(request.param, tmp_path / "wallet")


@pytest.fixture
def keystore(home: Home) -> Iterator[hsm.Keystore]:
    opened = home.open()
    yield opened
    opened.lock()


def test_a_key_signs_under_the_public_key_it_was_given_out_with(keystore: hsm.Keystore) -> None:
    public = keystore.create_key("epoch-1")
    assert len(public) == 33
    assert public[0] in (2, 3)
    assert keystore.public_key("epoch-1") == public
    for text in ("a", "b"):
        assert verifies(public, message(text), keystore.sign("epoch-1", message(text)))
    assert not verifies(public, message("other"), keystore.sign("epoch-1", message("a")))


def test_signatures_are_64_bytes_with_low_s(keystore: hsm.Keystore) -> None:
    public = keystore.create_key("k")
    for number in range(24):  # without the rule half of them are high
        signature = keystore.sign("k", message(str(number)))
        assert len(signature) == 64
        assert 1 <= int.from_bytes(signature[32:], "big") <= P256_ORDER // 2
        assert verifies(public, message(str(number)), signature)


def test_keys_are_many_and_separate(keystore: hsm.Keystore) -> None:
    publics = {alias: keystore.create_key(alias) for alias in ("a", "B.2", "c_3-x", "z" * 64)}
    assert len(set(publics.values())) == 4
    assert keystore.aliases() == publics.keys()
    for alias, public in publics.items():
        assert verifies(public, message(alias), keystore.sign(alias, message(alias)))


def test_an_existing_alias_is_refused_and_its_key_stays(keystore: hsm.Keystore) -> None:
    public = keystore.create_key("k")
    assert refused(lambda: keystore.create_key("k")).code is KeystoreCode.ALIAS_EXISTS
    assert keystore.public_key("k") == public
    assert verifies(public, message("x"), keystore.sign("k", message("x")))


@pytest.mark.parametrize("alias", ["", "a b", "ключ", "a/b", "..", ".", "-x", "x" * 65, "a\0b"])
def test_an_unfit_alias_is_refused(keystore: hsm.Keystore, alias: str) -> None:
    assert refused(lambda: keystore.create_key(alias)).code is KeystoreCode.ALIAS_UNFIT
    assert refused(lambda: keystore.destroy_key(alias)).code is KeystoreCode.ALIAS_UNFIT
    assert keystore.aliases() == frozenset()


def test_an_unknown_key_is_refused(keystore: hsm.Keystore) -> None:
    assert refused(lambda: keystore.public_key("none")).code is KeystoreCode.KEY_UNKNOWN
    assert refused(lambda: keystore.sign("none", message("x"))).code is KeystoreCode.KEY_UNKNOWN


@pytest.mark.parametrize("length", [0, 31, 32, 33, 100_000])
def test_a_message_of_any_length_is_signed_as_it_stands(keystore: hsm.Keystore, length: int) -> None:
    public = keystore.create_key("k")
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
    signature = keystore.sign("k", b"m" * length)
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    key.verify(encode_dss_signature(r, s), b"m" * length, ec.ECDSA(SHA256()))


def test_a_destroyed_key_is_gone_and_stays_gone(home: Home) -> None:
    keystore = home.open()
    first = keystore.create_key("k")
    other = keystore.create_key("other")
    keystore.destroy_key("k")
    keystore.destroy_key("k")
    keystore.destroy_key("never-was")
    assert keystore.aliases() == {"other"}
    assert refused(lambda: keystore.sign("k", message("x"))).code is KeystoreCode.KEY_UNKNOWN
    keystore.lock()
    keystore = home.open()
    assert keystore.aliases() == {"other"}
    assert keystore.public_key("other") == other
    assert keystore.create_key("k") != first
    keystore.lock()


def test_keys_and_record_outlive_a_lock(home: Home) -> None:
    keystore = home.open()
    publics = {alias: keystore.create_key(alias) for alias in ("a", "b", "c")}
    keystore.write_record(record(1))
    keystore.lock()
    keystore = home.open()
    assert keystore.aliases() == publics.keys()
    for alias, public in publics.items():
        assert keystore.public_key(alias) == public
        assert verifies(public, message(alias), keystore.sign(alias, message(alias)))
    assert keystore.read_record() == record(1)
    keystore.lock()


def test_the_record_is_the_newest_one(keystore: hsm.Keystore) -> None:
    assert keystore.read_record() is None
    for step in (1, 2, 7):
        keystore.write_record(record(step))
        assert keystore.read_record() == record(step)
    assert keystore.aliases() == frozenset()


def test_the_same_record_again_is_success(keystore: hsm.Keystore) -> None:
    keystore.write_record(record(3))
    keystore.write_record(record(3))
    assert keystore.read_record() == record(3)


def test_the_record_never_goes_back(keystore: hsm.Keystore) -> None:
    keystore.write_record(record(3))
    for stale in (record(2), hsm.Record(3, 9, digest("another"))):
        refusal = refused(lambda stale=stale: keystore.write_record(stale))  # type: ignore[misc]
        assert refusal.code is KeystoreCode.RECORD_STALE
    assert keystore.read_record() == record(3)


def test_the_record_holds_the_largest_counts(keystore: hsm.Keystore) -> None:
    largest = hsm.Record(2**63 - 1, 2**63 - 1, b"\xff" * 32)
    keystore.write_record(largest)
    assert keystore.read_record() == largest


def test_a_locked_keystore_refuses_everything(home: Home) -> None:
    keystore = home.open()
    keystore.create_key("k")
    keystore.lock()
    keystore.lock()
    for action in (
        lambda: keystore.create_key("l"),
        lambda: keystore.public_key("k"),
        lambda: keystore.aliases(),
        lambda: keystore.sign("k", message("x")),
        lambda: keystore.destroy_key("k"),
        lambda: keystore.read_record(),
        lambda: keystore.write_record(record(1)),
        lambda: keystore.confirm_pin(PIN),
        lambda: keystore.change_pin(PIN, OTHER_PIN),
    ):
        assert refused(action).code is KeystoreCode.LOCKED
    opened = home.open()
    assert opened.aliases() == {"k"}
    opened.lock()


def test_a_changed_pin_replaces_the_old_one(home: Home) -> None:
    keystore = home.open()
    public = keystore.create_key("k")
    keystore.change_pin(PIN, OTHER_PIN)
    keystore.confirm_pin(OTHER_PIN)
    assert refused(lambda: keystore.confirm_pin(PIN)).code is KeystoreCode.PIN_WRONG
    assert verifies(public, message("x"), keystore.sign("k", message("x")))
    keystore.lock()
    assert refused(lambda: home.open(PIN)).code is KeystoreCode.PIN_WRONG
    keystore = home.open(OTHER_PIN)
    assert verifies(public, message("y"), keystore.sign("k", message("y")))
    keystore.lock()


def test_a_pin_is_changed_only_by_who_knows_it_and_to_a_fit_one(keystore: hsm.Keystore) -> None:
    assert refused(lambda: keystore.change_pin(OTHER_PIN, "9999")).code is KeystoreCode.PIN_WRONG
    for unfit in ("", "123", "12\n45", "x" * 129):
        assert refused(lambda unfit=unfit: keystore.change_pin(PIN, unfit)).code is KeystoreCode.PIN_UNFIT  # type: ignore[misc]
    keystore.confirm_pin(PIN)


def test_wrong_pins_are_counted_waited_for_and_forgiven(home: Home) -> None:
    keystore = home.open()
    left = [refused(lambda: keystore.confirm_pin("wrong")).facts["tries_left"] for _ in range(3)]
    assert left == [2, 1, 0]
    blocked = refused(lambda: keystore.confirm_pin(PIN))
    assert blocked.code is KeystoreCode.PIN_BLOCKED
    assert blocked.facts["until"] == NOW + 30
    home.clock.now += 30
    keystore.confirm_pin(PIN)
    assert refused(lambda: keystore.confirm_pin("wrong")).facts["tries_left"] == 2
    keystore.lock()


def test_opening_counts_and_waits_too(home: Home) -> None:
    home.open().lock()
    for _ in range(3):
        assert refused(lambda: home.open("wrong")).code is KeystoreCode.PIN_WRONG
    blocked = refused(lambda: home.open(PIN))
    assert (blocked.code, blocked.facts["until"]) == (KeystoreCode.PIN_BLOCKED, NOW + 30)
    home.clock.now += 30
    home.open().lock()


def test_threads_may_share_a_keystore(keystore: hsm.Keystore) -> None:
    failures: list[object] = []

    def work(name: str) -> None:
        try:
            for number in range(4):
                alias = f"{name}{number}"
                public = keystore.create_key(alias)
                for text in ("p", "q", "r"):
                    assert verifies(public, message(text), keystore.sign(alias, message(text)))
                if number % 2:
                    keystore.destroy_key(alias)
        except (hsm.KeystoreError, AssertionError) as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert keystore.aliases() == {f"{name}{number}" for name in "abc" for number in (0, 2)}
