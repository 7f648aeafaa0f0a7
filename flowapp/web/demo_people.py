"""The demo's people for the sign-in page, as `flowapp dev` wrote them into dev.json; nobody in any other mode."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings


def demo_people() -> list[dict[str, Any]]:
    """Each with `email`, `password`, `role` and `groups`; empty outside dev mode, or before the demo is loaded."""
    if settings.FLOWAPP_MODE != "dev":
        return []
    try:
        people: list[dict[str, Any]] = json.loads((settings.FLOWAPP_HOME / "dev.json").read_text())["users"]
    except (OSError, ValueError, KeyError):
        return []
    return people
