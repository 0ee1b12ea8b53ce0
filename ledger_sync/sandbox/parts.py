"""What the services need besides the SDK: the packages of the extra ``service``, asked for before anything is made.

Rule: whoever lacks them is told so in one line, and not by a service that dies.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

PACKAGES: Final = ("starlette", "uvicorn", "prometheus_client", "pythonjsonlogger")
"""What the extra ``service`` brings."""


class ServicesMissing(ImportError):
    """The packages of the services are not installed. ``names``: those that are missing."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(f"the services need {', '.join(names)}: pip install 'qalta[service]'", name=names[0])
        self.names = names


def require_services() -> None:
    """Raises ``ServicesMissing``."""
    missing = tuple(name for name in PACKAGES if find_spec(name) is None)
    if missing:
        raise ServicesMissing(missing)
