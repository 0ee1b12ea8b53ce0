"""Taking a service from SQLite to PostgreSQL, with all of its stores.

Rule: the service stands still meanwhile, which its files say: each is taken only by whoever has it alone. Each store is
copied whole and compared; then the files are marked, so that nobody goes on with what is left behind; the settings are
switched last. Killed anywhere, it is done again, and goes on with what is not done. The files stay.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from hsm.durable import write_whole
from hsm.failpoint import reach
from ledger_sync.database.copying import Copied, copy
from ledger_sync.homes.stores import DATABASE, Place, ServiceHome
from ledger_sync.service.settings import CONFIG
from wallet.database import alone, mark_moved
from wallet.protocol.codes import Code, require

_STEP = "ledger.migrate"


def migrate(folder: Path, url: str, tell: Callable[[Place, Copied], None]) -> bool:
    """The service in `folder` keeps its stores in PostgreSQL at `url` from now on; whether it did not do so already.

    `tell` hears of each store when it is there. Raises what `copy` and `alone` do; ``Refusal``: STORE_OCCUPIED (its
    stores are in another server).
    """
    home = ServiceHome.read(folder)
    said = str(home.config.get(DATABASE, "sqlite:"))
    if said == url:
        return False
    require(said.startswith("sqlite:"), Code.STORE_OCCUPIED)
    with ExitStack() as held:
        taken = [
            (place, held.enter_context(alone(path, place.kind.schema)))
            for place in home.places
            if (path := folder / place.url.removeprefix("sqlite:")).exists()
        ]
        for place, file in taken:
            tell(place, copy(file, place.kind, url))
            reach(f"{_STEP}.copied")
        for _, file in taken:
            mark_moved(file)
            reach(f"{_STEP}.marked")
        settings = json.dumps({**home.config, DATABASE: url}, indent=2)
        write_whole(folder / CONFIG, settings.encode(), step=f"{_STEP}.settings")
    return True
