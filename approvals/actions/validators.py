"""The rules that only a prompt's own type knows: validators in Python, where this process has that type at hand."""

from __future__ import annotations

import sys
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from approvals.models import Prompt
from approvals.policies import asking
from approvals.states import InvalidDecision
from flowapp.engine import codec

_SAID: Final = "Value error, "  # what Pydantic puts before the words of a validator


def check(prompt: Prompt, data: Any) -> None:
    """Raise InvalidDecision for what the type's validators refuse.

    A process that has not loaded the type, or has another version of it, leaves that to the run, which has it.
    """
    adapter = _adapter(prompt)
    if adapter is None or data is None:
        return
    try:
        adapter.validate_json(to_json(data))
    except ValidationError as wrong:
        errors = wrong.errors(include_url=False, include_context=False, include_input=False)
        raise InvalidDecision([_error(error["loc"], error["msg"]) for error in errors]) from None


def _adapter(prompt: Prompt) -> TypeAdapter[Any] | None:
    module, _, name = str(prompt.options.get("form_type", "")).partition(":")
    if not name or module not in sys.modules:
        return None
    known: Any = sys.modules[module]
    for part in name.split("."):
        known = getattr(known, part, None)
    if not isinstance(known, type) or asking.schema_of(known) != prompt.form_schema:
        return None
    return codec.adapter(known)


def _error(loc: tuple[int | str, ...], message: str) -> dict[str, str]:
    return {"field": ".".join(["data", *map(str, loc)]), "msg": message.removeprefix(_SAID)}
