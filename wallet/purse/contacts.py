"""People: what this wallet calls them, and how they recognise it.

Rule: a name is given to a contact key that signed beside a request, never guessed from anything else; a shop's name is
its bank's word, and stands in its certificate. The own contact key is made when it is first wanted, signs only beside
requests for which the person said so, and goes nowhere else: neither to a bank nor on with money.
"""

from __future__ import annotations

from typing import Final

from hsm.keystore import KeystoreCode, KeystoreError
from wallet.protocol.attachments import Attachment
from wallet.protocol.bounds import MAX_NAME_BYTES
from wallet.protocol.codes import Code, require
from wallet.protocol.contact import contact_beside
from wallet.protocol.cose import Signed
from wallet.protocol.request import Request
from wallet.purse.purse import Purse
from wallet.purse.turns import one_at_a_time

ALIAS: Final = "contact"


@one_at_a_time
class Contacts:
    """Names by contact key, and the own key."""

    def __init__(self, purse: Purse) -> None:
        self._purse = purse

    def own(self) -> bytes | None:
        """The 33-byte key by which others recognise this wallet; None before it was ever wanted."""
        return self._purse.keystore.public_key(ALIAS) if ALIAS in self._purse.keystore.aliases() else None

    def introduce(self, request: Signed[Request]) -> Attachment:
        """Attachment by which whoever knows this wallet recognises it, to be shown beside ``request``. Makes the
        contact key at first."""
        keystore = self._purse.keystore
        key = self.own() or self._made()
        return contact_beside(request, key, lambda message: keystore.sign(ALIAS, message))

    def _made(self) -> bytes:
        try:
            return self._purse.keystore.create_key(ALIAS)
        except KeystoreError as error:
            if error.code is not KeystoreCode.ALIAS_EXISTS:
                raise
            return self._purse.keystore.public_key(ALIAS)

    def be_forgotten(self) -> None:
        """Destroy the own key: nobody recognises this wallet any more; a later one is another's. Again is success."""
        self._purse.keystore.destroy_key(ALIAS)

    def names(self) -> dict[bytes, str]:
        """Names that this wallet gave, by contact key (33 bytes), the oldest first."""
        rows = self._purse.store.rows("SELECT key, name FROM contact ORDER BY at, key")
        return {bytes(row["key"]): row["name"] for row in rows}

    def name(self, key: bytes) -> str | None:
        """Name of the holder of the contact ``key`` (33 bytes); None where nobody gave one."""
        found = self._purse.store.value("SELECT name FROM contact WHERE key = ?", key)
        return None if found is None else str(found)

    def call(self, key: bytes, name: str) -> None:
        """Give the holder of ``key`` a name of 1 to MAX_NAME_BYTES bytes of UTF-8, or another one. MALFORMED."""
        require(1 <= len(name.strip().encode()) <= MAX_NAME_BYTES, Code.MALFORMED)
        with self._purse.store.transaction():
            self._purse.store.write(
                "INSERT INTO contact (key, name, at) VALUES (?, ?, ?)"
                " ON CONFLICT (key) DO UPDATE SET name = excluded.name",
                key,
                name.strip(),
                self._purse.now(),
            )

    def forget(self, key: bytes) -> None:
        """Take the name away; again is success."""
        with self._purse.store.transaction():
            self._purse.store.write("DELETE FROM contact WHERE key = ?", key)
