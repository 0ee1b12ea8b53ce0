"""The Qalta SDK: what a wallet is, without any user interface.

``from wallet import Wallet`` gives the whole of it; importing this opens no file, socket, thread or token.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wallet.wallet import Wallet

__all__ = ["Wallet"]


def __getattr__(name: str) -> Any:
    if name == "Wallet":
        from wallet.wallet import Wallet

        return Wallet
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
