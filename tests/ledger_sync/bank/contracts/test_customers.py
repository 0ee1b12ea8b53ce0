"""The customer register's contract: one code one device, one device one account, and never more devices than may be."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from ledger_sync.bank.ports.customers import Admission, Customer, Enrolment
from ledger_sync.bank.ports.storage import Storage
from tests.ledger_sync.bank.contracts.conftest import Backend
from wallet.protocol.certificate import WalletKind

AIGUL = Customer("a" * 32, "Aigul", WalletKind.PERSON, 0)
SHOP = Customer("b" * 32, "Shop", WalletKind.MERCHANT, 5411)
MOST = 3


def device(number: int) -> bytes:
    return number.to_bytes(33, "big")


def enter(storage: Storage, customer: Customer, *codes: str) -> None:
    """A customer with an account and codes that were not used."""
    storage.accounts.open(customer.id)
    assert storage.customers.add(customer, 7, 1)
    for code in codes:
        assert storage.customers.add_code(code, code.encode(), customer.id)


def test_a_customer_is_entered_once_and_found_as_it_was(storage: Storage) -> None:
    register = storage.customers
    assert (register.get(AIGUL.id), register.opening(AIGUL.id)) == (None, None)
    enter(storage, SHOP)
    enter(storage, AIGUL)
    assert not register.add(Customer(AIGUL.id, "Another", WalletKind.MERCHANT, 1), 8, 2)
    assert (register.get(AIGUL.id), register.opening(AIGUL.id)) == (AIGUL, 7)
    assert register.get(SHOP.id) == SHOP
    assert register.balances() == [(AIGUL.id, 0), (SHOP.id, 0)]


def test_a_cause_has_one_code(storage: Storage) -> None:
    register = storage.customers
    enter(storage, AIGUL)
    assert register.code_of(b"cause") is None
    assert register.add_code("FIRST", b"cause", AIGUL.id)
    assert not register.add_code("SECOND", b"cause", AIGUL.id)
    assert register.code_of(b"cause") == ("FIRST", AIGUL.id)
    assert register.enrolment("FIRST") == Enrolment(AIGUL.id, None)
    assert register.enrolment("SECOND") is None


def test_a_device_is_let_in_once_and_speaks_until_it_is_closed(storage: Storage) -> None:
    register = storage.customers
    enter(storage, AIGUL, "ONE", "TWO")
    assert register.admit(device(1), "NONE", 1, MOST) is Admission.USED
    assert register.admit(device(1), "ONE", 1, MOST) is Admission.ADMITTED
    assert register.enrolment("ONE") == Enrolment(AIGUL.id, device(1))
    assert register.admit(device(2), "ONE", 1, MOST) is Admission.USED
    assert register.admit(device(1), "TWO", 1, MOST) is Admission.TAKEN
    assert register.enrolment("TWO") == Enrolment(AIGUL.id, None)
    assert register.admit(device(2), "TWO", 1, MOST) is Admission.ADMITTED
    assert register.close_devices(AIGUL.id, device(2), 5) == 1
    assert register.account_of(device(1)) is None
    assert register.account_of(device(2)) == AIGUL.id
    assert register.close_devices(AIGUL.id, device(2), 6) == 0
    assert (register.count_devices(AIGUL.id), register.count_devices(AIGUL.id, device(2))) == (1, 0)


def test_a_closed_device_makes_room_and_comes_back_for_nobody(storage: Storage) -> None:
    register = storage.customers
    enter(storage, AIGUL, "0", "1", "2", "3")
    enter(storage, SHOP, "SHOP")
    for number in range(MOST):
        assert register.admit(device(number), str(number), 1, MOST) is Admission.ADMITTED
    assert register.admit(device(3), "3", 1, MOST) is Admission.FULL
    assert register.account_of(device(3)) is None
    register.close_devices(AIGUL.id, device(0), 2)
    assert register.admit(device(1), "SHOP", 3, MOST) is Admission.TAKEN
    assert register.admit(device(3), "3", 3, MOST) is Admission.ADMITTED


# two writers


def test_one_code_lets_in_one_of_two_devices(backend: Backend) -> None:
    one, other = backend.open().customers, backend.open()
    enter(other, AIGUL, "CODE")
    assert one.enrolment("CODE") == other.customers.enrolment("CODE") == Enrolment(AIGUL.id, None)
    assert other.customers.admit(device(2), "CODE", 1, MOST) is Admission.ADMITTED
    assert one.admit(device(1), "CODE", 1, MOST) is Admission.USED
    assert one.account_of(device(1)) is None


def test_writers_that_overlap_let_in_no_more_than_may_be(backend: Backend) -> None:
    writers = backend.open(), backend.open()
    codes = [str(number) for number in range(20)]
    enter(writers[0], AIGUL, *codes)

    def admit(writer: Storage, order: list[str]) -> list[Admission]:
        return [writer.customers.admit(device(int(code)), code, 1, MOST) for code in order]

    with ThreadPoolExecutor(2) as pool:
        said = [*pool.map(admit, writers, [codes, codes[::-1]])]
    both = [admission for some in said for admission in some]
    assert both.count(Admission.ADMITTED) == writers[0].customers.count_devices(AIGUL.id) == MOST
    used = [code for code in codes if (found := writers[1].customers.enrolment(code)) and found.device]
    assert len(used) == MOST
