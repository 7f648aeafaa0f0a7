"""A form that comes back: the same fields with what was typed and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from flowapp.http.schema_form.field import Field, leaves
from flowapp.http.schema_form.reading import Typed, posted


def filled(known: Iterable[Field], typed: Typed, errors: Iterable[Mapping[str, Any]] = ()) -> list[Field]:
    """The fields as they were sent. An error within a field's value counts as the field's."""
    wrong = _places(errors)
    return [_filled(one, typed, wrong) for one in known]


def unplaced(known: Iterable[Field], errors: Iterable[Mapping[str, Any]]) -> list[str]:
    """The errors that belong to no field."""
    places = [one.place for one in leaves(known)]
    return [
        f"{place}: {message}".removeprefix(": ")
        for place, message in _places(errors)
        if not any(_within(place, known_place) for known_place in places)
    ]


def _places(errors: Iterable[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return [(".".join(str(part) for part in error["loc"]), str(error["msg"])) for error in errors]


def _filled(one: Field, typed: Typed, wrong: Sequence[tuple[str, str]]) -> Field:
    if one.kind == "group":
        return replace(one, fields=[_filled(part, typed, wrong) for part in one.fields])
    mine = dict.fromkeys(message for place, message in wrong if _within(place, one.place))
    return replace(one, shown=posted(one, typed), error=" ".join(mine))


def _within(place: str, known: str) -> bool:
    """Whether an error's place lies in a field's; a whole input's only field has every error."""
    return not known or place == known or place.startswith(f"{known}.")
