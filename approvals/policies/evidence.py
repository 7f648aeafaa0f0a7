"""What a workflow gives as evidence, as people and programs read it: a label, and a web address where there is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def evidence(options: Mapping[str, Any]) -> list[dict[str, str]]:
    """The pieces among a prompt's options, each `label` and `url`."""
    return [_piece(item) for item in options.get("evidence", ())]


def _piece(item: Any) -> dict[str, str]:
    """Only a web address becomes a link."""
    label, url = (item.get("label", ""), item.get("url", "")) if isinstance(item, dict) else (str(item), str(item))
    return {"label": str(label or url), "url": url if str(url).startswith(("https://", "http://")) else ""}
