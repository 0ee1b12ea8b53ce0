"""Every size, depth and count that a stranger controls has a limit here, checked before memory is spent.

SPEC section 3. A limit is part of the protocol: changing one is a new version.
"""

from __future__ import annotations

from typing import Final

MAX_MESSAGE_BYTES: Final = 65_536
MAX_PAYMENT_BYTES: Final = 49_152
MAX_OBJECT_BYTES: Final = 16_384
MAX_DEPTH: Final = 12

MAX_HOP: Final = 15
MAX_TRANSFERS: Final = 64
"""transfers in a payment + (15 - hop) never exceed this, so that whoever receives a token can pass it on."""
MAX_ISSUANCES: Final = 64
MAX_CERTIFICATES: Final = 64
MAX_INPUTS: Final = 32
MAX_AMOUNTS: Final = 32
MAX_REFUSALS: Final = 8
"""Refusal transfers that travel with one receipt."""

MAX_SUM: Final = 2**53 - 1
"""Tiyn. No amount and no sum is larger, so that every language's integers and doubles can hold it."""
MAX_TIME: Final = 2**32 - 1
"""Unix seconds."""
MAX_SEQUENCE: Final = 2**32 - 1

MAX_MEMO_BYTES: Final = 140
MAX_NAME_BYTES: Final = 64
MAX_ID_BYTES: Final = 16
"""A bank's id, UTF-8."""
MAX_KIND_BYTES: Final = 16
"""The ``typ`` of a kind."""
MAX_ATTACHMENTS: Final = 64
"""With a payment or beside a request."""
MAX_MARK_BYTES: Final = 64
MAX_CODE_BYTES: Final = 32

MAX_BANKS: Final = 64
MAX_KEYS_PER_ROLE: Final = 16
MAX_ROLES: Final = 32
MAX_ROLE: Final = 255
"""The highest number of a role."""
MAX_FORMS: Final = 4
"""Of a directory, in one answer."""
MAX_HANDOVERS: Final = 16
"""Of the root, in one answer."""
MAX_SIGNER_KEY_BYTES: Final = 4_096
"""A key of a role or bank, of whatever algorithm."""
MAX_DIRECTORY_BYTES: Final = 262_144
"""A directory of the second form."""
MAX_DELTA_BYTES: Final = 1_024
MAX_DELTAS: Final = 8
"""Policy deltas in one payment; a wallet further behind goes online."""
MAX_REVOKED_IN_BASE: Final = 16_384
MAX_CHANGES_IN_BASE: Final = 64
MAX_REVOKED_PER_DELTA: Final = 32

MAX_BATCH_LEAVES: Final = 65_536
"""Of a tree that is signed once, for these alone."""
MAX_GROUP: Final = 4_096
"""Objects that stand in one leaf together."""
MAX_LOG_LEAVES: Final = 2**53 - 1
MAX_LOG: Final = 2**32 - 1
"""The number of a log."""

FUNDING_ID_BYTES: Final = 16
WALLET_ID_BYTES: Final = 16
REVOCATION_ID_BYTES: Final = 16
NONCE_BYTES: Final = 16
SALT_BYTES: Final = 16
REQUEST_REF_BYTES: Final = 16
KEY_BYTES: Final = 33
ID_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

DAY: Final = 86_400
MAX_AHEAD: Final = DAY
"""A transfer dated further ahead of the payee's clock than this (seconds) is refused."""
FAR_AHEAD: Final = 2 * DAY
"""A signed time further ahead of all other clocks than this (seconds) counts only once a second service says so."""
MAX_CERTIFICATE_LIFE: Final = 400 * DAY
"""From a certificate's beginning to its end (seconds): what is revoked need not stay listed for ever."""
MAX_TOKEN_LIFE: Final = 2 * MAX_CERTIFICATE_LIFE
"""From a token's issuance to its end (seconds): one that is issued at a certificate's end outlasts the next one."""
