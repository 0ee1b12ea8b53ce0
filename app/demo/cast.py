"""Who plays: sixteen people for the chain, somebody who cheats, three shops; and how they get on the stage."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from app.launch.actors import Actor

CHAIN: Final = (
    ("aigerim", "Әйгерім"),
    ("bolat", "Болат"),
    ("dana", "Дана"),
    ("erlan", "Ерлан"),
    ("gulnar", "Гүлнар"),
    ("kairat", "Қайрат"),
    ("laura", "Лаура"),
    ("madina", "Мадина"),
    ("nurlan", "Нұрлан"),
    ("olzhas", "Олжас"),
    ("perizat", "Перизат"),
    ("rustem", "Рүстем"),
    ("saule", "Сәуле"),
    ("timur", "Тимур"),
    ("ulbosyn", "Ұлбосын"),
    ("zhanar", "Жанар"),
)
CHEAT: Final = ("marat", "Марат")
SHOPS: Final = (("bread", "Нан дүкені"), ("fruit", "Жеміс-жидек"), ("tea", "Шайхана"))
BANKS: Final = ("alatau", "zhibek")
_AT_ONCE: Final = 2
"""Processes started side by side; a phone would start one."""


@dataclass(slots=True)
class Cast:
    """The actors on the stage. ``everybody`` includes copies that were made on the way."""

    chain: list[Actor]
    cheat: Actor
    shops: list[Actor]
    copies: list[Actor] = field(default_factory=list)

    @property
    def everybody(self) -> list[Actor]:
        return [*self.chain, self.cheat, *self.shops, *self.copies]


def assemble(home: Path) -> Cast:
    """Make every wallet (banks in turn), then start a process for each."""
    cast = Cast(
        [Actor(home, wallet, name) for wallet, name in CHAIN],
        Actor(home, *CHEAT),
        [Actor(home, wallet, name) for wallet, name in SHOPS],
    )
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(_make, cast.everybody, range(len(cast.everybody)), [cast] * len(cast.everybody)))
        start(cast.everybody, pool)
    return cast


def _make(actor: Actor, number: int, cast: Cast) -> None:
    shop = ("--merchant",) if actor in cast.shops else ()
    actor.make("--bank", BANKS[number % len(BANKS)], "--holder", actor.shown, *shop)


def start(actors: Iterable[Actor], pool: ThreadPoolExecutor) -> None:
    list(pool.map(Actor.start, actors))


def copy_of(actor: Actor) -> Actor:
    """What a thief of software keys does: copy the folder, keystore and purse and all, while nobody looks."""
    actor.stop()
    twin = Actor(actor.home, f"{actor.wallet}-copy", f"{actor.shown} (2)")
    wallets = actor.home / "wallets"
    shutil.copytree(wallets / actor.wallet, wallets / twin.wallet)
    actor.start()
    twin.start()
    return twin
