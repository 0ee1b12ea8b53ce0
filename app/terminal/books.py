"""A network's books, as a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.catalogue.written import written_amount
from app.terminal.show import Show

if TYPE_CHECKING:
    from app.wallets.sandbox_desk import Books


def show_books(books: Books, show: Show) -> None:
    """The sums as a table, and whether they add up."""
    rows = [
        [show.catalogue.text(f"books.{name}"), written_amount(tiyn)] for name, tiyn in books.totals().items()
    ]
    show.table("", ("books.sum", "books.amount>"), rows)
    show.say("books.balanced" if books.is_balanced else "books.unbalanced")
