"""Makes the frozen vectors anew: ``python -m tests.vectors.make``. Keys, nonces and signatures are deterministic.

A vector that changes is a change of the protocol: look at the difference before it is kept.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from tests.support.vectors import FOLDER, Vector, judge
from tests.vectors import (
    accepted,
    bad,
    broken_chains,
    calls,
    chains,
    declined,
    encodings,
    extremes,
    extremes_ledger,
    good,
    growing,
    messages,
    orders,
    pictures,
    policies,
    receipts,
    rules,
    shapes,
    signers,
    trees,
)
from tests.vectors.forms import labelled, merged

SETS: Final = {
    "acceptance": (accepted, declined),
    "calls": (calls,),
    "encodings": (encodings,),
    "extremes": (extremes, extremes_ledger),
    "fields": (shapes,),
    "growth": (growing,),
    "messages": (messages,),
    "orders": (orders,),
    "policies": (policies,),
    "receipts": (receipts,),
    "rules": (rules,),
    "signers": (signers,),
    "trees": (trees,),
    "validity": (chains, broken_chains),
}
"""Files of many vectors, by what makes them."""


def build() -> dict[Path, str]:
    """The text of every file by its path below the folder of the vectors."""
    files = {}
    for name, vector in good.build().items():
        files[Path("valid", f"{name}.json")] = as_text({**vector, "means": judge(vector)})
    for name, vector in bad.build().items():
        files[Path("invalid", f"{name}.json")] = as_text(vector)
    for name, makers in SETS.items():
        valid = {name: vector for made in makers for name, vector in made.valid().items()}
        invalid = labelled(merged(*(made.cases() for made in makers)))
        files[Path("sets", f"{name}.json")] = as_lines(valid, invalid)
    files[Path("qr", "sequences.json")] = pictures.as_text(pictures.sequences())
    files[Path("qr", "bounds.json")] = pictures.as_text(pictures.receptions())
    return files


def as_text(vector: Vector) -> str:
    """A file of its own."""
    return json.dumps(vector, ensure_ascii=False, indent=1) + "\n"


def as_lines(valid: dict[str, Vector], invalid: dict[str, Vector]) -> str:
    """One file of many vectors, one a line, with the context that most of them share."""
    world = good.in_world("", b"", "")
    around = {name: world[name] for name in ("root", "directory")}
    known = {name: {**vector, "means": judge({**around, **vector})} for name, vector in valid.items()}

    def lines(vectors: dict[str, Vector]) -> str:
        own = {
            name: {key: item for key, item in vector.items() if (key, item) not in around.items()}
            for name, vector in vectors.items()
        }
        return ",\n".join(
            f"{json.dumps(name)}: {json.dumps(item, ensure_ascii=False)}" for name, item in own.items()
        )

    shared = f'{{"around": {json.dumps(around)},\n"valid": {{\n'
    return f'{shared}{lines(known)}\n}},\n"invalid": {{\n{lines(invalid)}\n}}}}\n'


def main() -> None:
    files = build()
    for which in ("valid", "invalid", "sets"):
        (FOLDER / which).mkdir(exist_ok=True)
        for path in (FOLDER / which).glob("*.json"):
            if path.relative_to(FOLDER) not in files:
                path.unlink()
    for path, text in files.items():
        (FOLDER / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
