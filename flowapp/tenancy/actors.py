"""Who does something: the `by=` of every action, small enough to be stored with what was done."""

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

Kind = Literal["person", "agent", "key", "system", "policy"]


@dataclass(frozen=True)
class Actor:
    """Somebody or something that acts. A personal key acts as its member: kind "person" with both ids set."""

    kind: Kind
    id: str
    label: str
    member_id: UUID | None = None
    key_id: UUID | None = None
    on_behalf_of: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The actor as JSON values."""
        return {
            "kind": self.kind,
            "id": self.id,
            "label": self.label,
            "member_id": _text(self.member_id),
            "key_id": _text(self.key_id),
            "on_behalf_of": self.on_behalf_of,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Actor":
        """The actor that `as_json` wrote."""
        return cls(
            kind=data["kind"],
            id=data["id"],
            label=data["label"],
            member_id=_uuid(data.get("member_id")),
            key_id=_uuid(data.get("key_id")),
            on_behalf_of=data.get("on_behalf_of"),
        )


def _text(value: UUID | None) -> str | None:
    return None if value is None else str(value)


def _uuid(value: str | None) -> UUID | None:
    return None if value is None else UUID(value)


SYSTEM = Actor("system", "system", "Flowapp")
