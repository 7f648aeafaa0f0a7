"""The shapes that several resources share."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from approvals.states import decider

# PostgreSQL's text holds every character but this one.
Text = Annotated[str, Field(pattern=r"^[^\x00]*$")]
Name = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00]+$")]


class Out(BaseModel):
    """What we answer: built from the rooms' own values."""

    model_config = ConfigDict(from_attributes=True)


class Person(Out):
    """Who did something: a person, an agent, a key, the system or a policy. `email` is empty for all but people.

    `on_behalf_of` is the e-mail address of the absent person in whose place a substitute acted; else empty.
    """

    kind: str
    name: str
    email: str
    on_behalf_of: str = ""

    @classmethod
    def of(cls, actor: Mapping[str, Any] | None) -> "Person | None":
        """Who a stored actor is; None for nobody."""
        who = decider(actor)
        return cls.model_validate(who) if who else None


def _asker(who: Any) -> Any:
    """A run started by a workspace's key, or by the system, has no requester."""
    found = decider(who) if isinstance(who, Mapping) else who
    return None if found is None or found.kind in ("key", "system") else found


Requester = Annotated[
    Person | None,
    BeforeValidator(_asker),
    Field(description="Who asked for it; null when a workspace's key or the system started it."),
]


class Failure(Out):
    """What went wrong, and in which step."""

    type: str
    message: str
    step: str | None
