"""Who does something: the `by=` of every action, small enough to be stored with what was done."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal
from uuid import UUID

Kind = Literal["person", "agent", "key", "system", "policy"]


@dataclass(frozen=True)
class Actor:
    """Somebody or something that acts. A personal key acts as its member: kind "person" with both ids set.

    `also`: who else asked for what is done in this one's name, such as whoever forked the run. `hops`: through how many
    webhooks of Flowapp, from workspace to workspace, it came to be done: what goes round has to end.
    """

    kind: Kind
    id: str
    label: str
    member_id: UUID | None = None
    key_id: UUID | None = None
    on_behalf_of: str | None = None
    also: tuple[Actor, ...] = ()
    hops: int = 0

    def as_json(self) -> dict[str, Any]:
        """The actor as JSON values."""
        return {
            "kind": self.kind,
            "id": self.id,
            "label": self.label,
            "member_id": _text(self.member_id),
            "key_id": _text(self.key_id),
            "on_behalf_of": self.on_behalf_of,
            **({"also": [one.as_json() for one in self.also]} if self.also else {}),
            **({"hops": self.hops} if self.hops else {}),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Actor:
        """The actor that `as_json` wrote."""
        return cls(
            kind=data["kind"],
            id=data["id"],
            label=data["label"],
            member_id=_uuid(data.get("member_id")),
            key_id=_uuid(data.get("key_id")),
            on_behalf_of=data.get("on_behalf_of"),
            also=tuple(cls.from_json(one) for one in data.get("also", ())),
            hops=data.get("hops", 0),
        )

    def joined_by(self, *others: Actor) -> Actor:
        """The same, with these beside it: each once, in order; the system counts for nobody."""
        each = (alone for other in others for alone in (replace(other, also=(), hops=0), *other.also))
        also = dict.fromkeys((*self.also, *(one for one in each if one.kind != "system")))
        also.pop(replace(self, also=(), hops=0), None)
        return replace(self, also=tuple(also), hops=max([self.hops, *(other.hops for other in others)]))


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def _uuid(value: str | None) -> UUID | None:
    return None if value is None else UUID(value)


SYSTEM = Actor("system", "system", "Flowapp")
