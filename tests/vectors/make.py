"""Makes the frozen vectors anew: ``python -m tests.vectors.make``. Keys, nonces and signatures are deterministic.

A vector that changes is a change of the protocol: look at the difference before it is kept.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.vectors import FOLDER, Vector, judge
from tests.vectors import bad, good, shapes
from tests.vectors.forms import labelled


def build() -> dict[Path, str]:
    """The text of every file by its path below the folder of the vectors."""
    files = {}
    for name, vector in good.build().items():
        files[Path("valid", f"{name}.json")] = as_text({**vector, "means": judge(vector)})
    for name, vector in bad.build().items():
        files[Path("invalid", f"{name}.json")] = as_text(vector)
    files[Path("fields.json")] = as_lines(good.in_world("", b"", ""), labelled(shapes.cases()))
    return files


def as_text(vector: Vector) -> str:
    """A file of its own."""
    return json.dumps(vector, ensure_ascii=False, indent=1) + "\n"


def as_lines(world: Vector, vectors: dict[str, Vector]) -> str:
    """One file of many invalid vectors, one a line, with the context that most of them share."""
    around = {name: world[name] for name in ("root", "directory")}
    lines = []
    for name, vector in vectors.items():
        own = {key: item for key, item in vector.items() if around.get(key) != item}
        lines.append(f"{json.dumps(name)}: {json.dumps(own, ensure_ascii=False)}")
    return f'{{"around": {json.dumps(around)},\n"invalid": {{\n' + ",\n".join(lines) + "\n}}\n"


def main() -> None:
    files = build()
    for which in ("valid", "invalid"):
        (FOLDER / which).mkdir(exist_ok=True)
        for path in (FOLDER / which).glob("*.json"):
            if path.relative_to(FOLDER) not in files:
                path.unlink()
    for path, text in files.items():
        (FOLDER / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
