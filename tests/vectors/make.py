"""Makes the frozen vectors anew: ``python -m tests.vectors.make``. Keys, nonces and signatures are deterministic.

A vector that changes is a change of the protocol: look at the difference before it is kept.
"""

from __future__ import annotations

import json

from tests.support.vectors import FOLDER, Vector, judge
from tests.vectors import bad, good, growing


def build() -> dict[str, dict[str, Vector]]:
    """``{"valid": {name: vector}, "invalid": {name: vector}}``."""
    made = {**good.build(), **growing.good()}
    valid = {name: {**vector, "means": judge(vector)} for name, vector in made.items()}
    return {"valid": valid, "invalid": {**bad.build(), **growing.bad()}}


def as_text(vector: Vector) -> str:
    return json.dumps(vector, ensure_ascii=False, indent=1) + "\n"


def main() -> None:
    for which, vectors in build().items():
        folder = FOLDER / which
        folder.mkdir(exist_ok=True)
        for path in folder.glob("*.json"):
            if path.stem not in vectors:
                path.unlink()
        for name, vector in vectors.items():
            (folder / f"{name}.json").write_text(as_text(vector), encoding="utf-8")


if __name__ == "__main__":
    main()
