"""Taps through a real smart card service: our card behind its virtual reader, our reader in front of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.transport.nfc.card_service import CardService, card_service
from tests.transport.nfc.people import pay
from wallet.transport.nfc import Deadline, DeviceError, LinkLost, Trouble
from wallet.transport.nfc.devices import open_reader
from wallet.transport.nfc.doctor import Fact, Finding, examine
from wallet.transport.nfc.pcsc_reader import PcscReader, pcsc_readers
from wallet.transport.nfc.virtual_card import ATR, VirtualCard

pytestmark = pytest.mark.serial

scard = pytest.importorskip("smartcard.scard", reason="pyscard is not installed (./test installs it)")
OK = b"\x90\x00"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CardService]:
    with card_service(tmp_path_factory.mktemp("pcscd")) as service:
        yield service


def in_seconds(seconds: float, cancelled: Callable[[], bool] = lambda: False) -> Deadline:
    return Deadline(time.monotonic, time.monotonic() + seconds, cancelled)


@contextmanager
def card_that_answers(
    service: CardService, answer: Callable[[bytes], bytes], atr: bytes = ATR
) -> Iterator[list[bool]]:
    """A card that comes back whenever it was let go; the list: whether a reader came, time after time."""
    is_over, came = threading.Event(), list[bool]()

    def serve() -> None:
        card = VirtualCard("127.0.0.1", service.port, atr)
        while not is_over.is_set():
            try:
                came.append(card.serve(answer, in_seconds(60, is_over.is_set)))
            except ConnectionAbortedError:
                came.append(True)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield came
    finally:
        is_over.set()
        thread.join()


@pytest.mark.parametrize("hops", [1, 15])
@pytest.mark.parametrize("payer_reads", [True, False], ids=["payer reads", "payee reads"])
def test_a_payment_between_two_processes(
    service: CardService, tmp_path: Path, payer_reads: bool, hops: int
) -> None:
    card = f"vpcd:127.0.0.1:{service.port}"
    outcome = pay(tmp_path, payer_reads=payer_reads, reader="pcsc", card=card, hops=hops)
    outcome.check_paid()
    assert "TORN" not in outcome.ends
    assert outcome.ends == (["PERSON_HERE", "OVER"] if payer_reads else ["OVER"])
    size = len(str(outcome.payer["payment"])) // 2
    assert (size > 5_000) if hops == 15 else (size < 1_000)


@pytest.mark.parametrize("payer_reads", [True, False], ids=["payer reads", "payee reads"])
def test_a_card_pulled_away_in_mid_apdu_is_gone_on_with_in_the_next_tap(
    service: CardService, tmp_path: Path, payer_reads: bool
) -> None:
    card = f"vpcd:127.0.0.1:{service.port}"
    # The first two are gone before anything was said, the last within the 15-hop payment.
    outcome = pay(
        tmp_path,
        payer_reads=payer_reads,
        reader=f"pcsc:{service.reader}",
        card=card,
        hops=15,
        torn_at=(0, 2, 20),
    )
    outcome.check_paid()
    assert outcome.ends.count("TORN") == 3


def test_apdus_pass_as_they_are(service: CardService) -> None:
    """Every length of a short APDU, and every status word."""
    heard: list[bytes] = []

    def answer(command: bytes) -> bytes:
        heard.append(command)
        return bytes(command[4:5]) + command[2:4]

    said = [bytes([0, 0xC3, 0x6A, number]) + bytes([number]) * (number + 1) for number in range(256)]
    with (
        card_that_answers(service, answer),
        PcscReader(f"pcsc:{service.reader.upper()}").tap(in_seconds(20)) as link,
    ):
        assert link is not None
        assert [link.transceive(command) for command in said] == [
            bytes([number, 0x6A, number]) for number in range(256)
        ]
    assert heard == said


def test_a_card_gone_in_mid_apdu_is_a_lost_link_and_the_next_tap_finds_it(service: CardService) -> None:
    def answer(command: bytes) -> bytes:
        if command[1] == 0xFF:
            raise ConnectionAbortedError
        return OK

    with card_that_answers(service, answer):
        for _ in range(3):
            with PcscReader().tap(in_seconds(20)) as link:
                assert link is not None
                assert link.transceive(bytes(5)) == OK
                with pytest.raises(LinkLost):
                    link.transceive(b"\x00\xff\x00\x00\x00")
                with pytest.raises(LinkLost):
                    link.transceive(bytes(5))


def test_the_card_learns_that_the_reader_is_done(service: CardService) -> None:
    with card_that_answers(service, lambda _: OK) as came:
        for _ in range(5):
            with PcscReader().tap(in_seconds(20)) as link:
                assert link is not None
                link.transceive(bytes(5))
    assert came[:5] == [True] * 5


def test_nobody_comes(service: CardService) -> None:
    with PcscReader().tap(in_seconds(0)) as link:
        assert link is None
    looks: list[None] = []
    with PcscReader().tap(in_seconds(3_600, lambda: looks.append(None) or len(looks) > 3)) as link:
        assert link is None
    assert VirtualCard("127.0.0.1", service.port).serve(lambda _: OK, in_seconds(0.2)) is False


def test_a_card_that_another_program_has_is_busy(service: CardService) -> None:
    with card_that_answers(service, lambda _: OK):
        # The service may still have the card of the test before, which has just been taken away.
        with suppress(LinkLost), PcscReader().tap(in_seconds(20)) as before:
            assert before is not None
            before.transceive(bytes(5))
        with PcscReader().tap(in_seconds(20)) as link:
            assert link is not None
            with pytest.raises(DeviceError) as told, PcscReader().tap(in_seconds(0.3)):
                pass
            assert told.value.trouble is Trouble.BUSY
            assert link.transceive(bytes(5)) == OK


def test_an_unknown_reader_is_not_found(service: CardService) -> None:
    assert {name[:-6] for name in pcsc_readers()} == {service.reader}
    with pytest.raises(DeviceError) as told, PcscReader("pcsc:Nowhere").tap(in_seconds(3_600)):
        pass
    assert (told.value.trouble, told.value.device) == (Trouble.NOT_FOUND, "pcsc:Nowhere")


def test_the_doctor_sees_the_service_and_its_readers(service: CardService) -> None:
    findings = examine()
    assert Finding(Fact.PCSCD_RUNNING) in findings
    readers = [finding.device for finding in findings if finding.fact is Fact.PCSC_READER]
    assert readers == [f"pcsc:{name}" for name in pcsc_readers()]
    assert isinstance(open_reader(readers[0]), PcscReader)


def test_any_reader_means_one_with_a_contactless_card(
    service: CardService,
) -> None:
    """A contact card that stays in a slot is used only if its reader is named."""
    with card_that_answers(service, lambda _: OK, bytes.fromhex("3b9581010102030405")):
        with PcscReader(f"pcsc:{service.reader}").tap(in_seconds(20)) as link:
            assert link is not None
        with PcscReader().tap(in_seconds(0.5)) as link:
            assert link is None


def test_a_service_that_stops_is_said(tmp_path: Path, service: CardService) -> None:
    """Last: the service is gone after it."""
    waiting = Deadline(time.monotonic, time.monotonic() + 60, lambda: service.stop() or False)
    with pytest.raises(DeviceError) as told, PcscReader().tap(waiting):
        pass
    assert told.value.trouble is Trouble.SERVICE_STOPPED
    with pytest.raises(DeviceError) as told:
        pcsc_readers()
    assert told.value.trouble is Trouble.SERVICE_STOPPED
    with pytest.raises(DeviceError) as told:
        VirtualCard("127.0.0.1", service.port).serve(lambda _: OK, in_seconds(1))
    assert told.value.trouble is Trouble.NOT_FOUND
    assert scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)[0] == scard.SCARD_E_NO_SERVICE
