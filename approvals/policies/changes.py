"""What an edit changed: value by value, and within long texts word by word. Secrets are compared, never shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any, Final

from approvals.policies.summary import MASK, is_secret, masked, text, words

_LONG: Final = 40  # characters from which on a text is compared word by word


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of text that was kept, taken away (`del`) or put in (`ins`)."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """One value before and after; "" where there was or is none. `pieces` only for long texts."""

    label: str
    before: str
    after: str
    pieces: tuple[Piece, ...] = ()

    def as_json(self) -> dict[str, str]:
        """The change as a decision keeps it."""
        return {"label": self.label, "before": self.before, "after": self.after}

    @classmethod
    def kept(cls, stored: Mapping[str, str]) -> Change:
        """A change as it was kept; what differs within long texts is found anew."""
        return cls(stored["label"], stored["before"], stored["after"], _pieces(stored["before"], stored["after"]))


class Hidden(ValueError):
    """A masked value cannot be kept where what is around it was changed; `.path` says where."""

    def __init__(self, path: tuple[str, ...]) -> None:
        self.path = path
        super().__init__("The dots stand for a hidden value. Undo the change around it, or write the value anew.")


def changes(before: Any, after: Any) -> list[Change]:
    """The values that differ, in the order of the data."""
    return list(_changes(before, after, "", secret=False))


def unmasked(edited: Any, original: Any) -> Any:
    """The edited data with the original's secrets back where their masks still stand. Raises Hidden."""
    return _unmasked(edited, original, (), secret=False)


def _changes(before: Any, after: Any, label: str, *, secret: bool) -> Iterator[Change]:
    if before == after and type(before) is type(after):
        return
    before, after = (
        {} if one is _NONE and isinstance(other, dict) and other else one
        for one, other in ((before, after), (after, before))
    )
    if not secret and isinstance(before, dict) and isinstance(after, dict):
        for key in {**before, **after}:
            name = f"{label} · {words(key)}" if label else words(key).capitalize()
            yield from _changes(before.get(key, _NONE), after.get(key, _NONE), name, secret=is_secret(key))
    elif not secret and _has_parts(before) and _has_parts(after):
        for number in range(max(len(before), len(after))):
            old, new = (side[number] if number < len(side) else _NONE for side in (before, after))
            yield from _changes(old, new, f"{label} {number + 1}".strip(), secret=False)
    else:
        was, became = _said(before, secret=secret), _said(after, secret=secret)
        if secret and was and became:
            became = f"{MASK} (another)"  # the same dots twice would read as no change
        yield Change(label or "Value", was, became, _pieces(was, became))


_NONE: Final = object()


def _has_parts(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, dict | list) for item in value)


def _said(value: Any, *, secret: bool) -> str:
    if value is _NONE:
        return ""
    return MASK if secret else text(masked(value))


def _pieces(before: str, after: str) -> tuple[Piece, ...]:
    if min(len(before), len(after)) < _LONG:
        return ()
    old, new = re.findall(r"\s+|\S+", before), re.findall(r"\s+|\S+", after)
    matcher = SequenceMatcher(None, old, new, autojunk=False)
    if matcher.quick_ratio() < 0.3:
        return ()
    return tuple(_told(matcher, old, new))


def _told(matcher: SequenceMatcher[str], old: list[str], new: list[str]) -> Iterator[Piece]:
    for what, old_from, old_to, new_from, new_to in matcher.get_opcodes():
        if what == "equal":
            yield Piece("", "".join(old[old_from:old_to]))
            continue
        if old_to > old_from:
            yield Piece("del", "".join(old[old_from:old_to]))
        if new_to > new_from:
            yield Piece("ins", "".join(new[new_from:new_to]))


def _unmasked(edited: Any, original: Any, path: tuple[str, ...], *, secret: bool) -> Any:
    if secret and edited == MASK:
        if original is _NONE:
            raise Hidden(path)
        return original
    if isinstance(edited, dict):
        known = original if isinstance(original, dict) else {}
        return {
            key: _unmasked(value, known.get(key, _NONE), (*path, key), secret=is_secret(key))
            for key, value in edited.items()
        }
    if isinstance(edited, list):
        return _unmasked_items(edited, original if isinstance(original, list) else [], path)
    return edited


def _unmasked_items(edited: list[Any], original: list[Any], path: tuple[str, ...]) -> list[Any]:
    """Items may have moved: one keeps its secrets when it is otherwise exactly one of the original's."""
    left = list(original)
    items = []
    for item in edited:
        same = next((at for at, known in enumerate(left) if masked(known) == item), None)
        items.append(left.pop(same) if same is not None else _unmasked(item, _NONE, path, secret=False))
    return items
