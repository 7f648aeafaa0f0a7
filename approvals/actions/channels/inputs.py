"""A form's fields as the inputs of a dialog in Slack, and what was put into those as a browser would post it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from django.utils.datastructures import MultiValueDict

from flowapp.http.schema_form import ABSENT, Field, Option

ACTION: Final = "value"
_MOST: Final = 80  # Slack takes 100 blocks in a dialog; some say what it is about
_LONGEST: Final = 3000  # characters in a text field
_LONGEST_WORDS: Final = 2000  # in a label or a hint
_MOST_OPTIONS, _MOST_BESIDE, _LONGEST_OPTION, _LONGEST_VALUE = 100, 10, 75, 150
_PLAIN_NUMBER: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
_SEVERAL: Final = frozenset({"textarea", "json", "lines"})
_MAY_BE_NONE: Final = frozenset({"checkbox", "checks", "lines"})


@dataclass(frozen=True, slots=True)
class Input:
    """One control of the dialog: the field it is for, and its label with those of the groups it lies in."""

    block_id: str
    label: str
    field: Field

    @property
    def fits(self) -> bool:
        """Whether Slack can hold it whole. What is secret is not typed into a chat."""
        options = [(len(one.label), len(one.text)) for one in self.field.options]
        return (
            self.field.kind != "password"
            and self.field.label.strip() != ""
            and max(len(self.label), len(self.field.note)) <= _LONGEST_WORDS
            and max(map(len, self.field.shown), default=0) <= _LONGEST
            and len(options) <= _MOST_OPTIONS
            and all(0 < label <= _LONGEST_OPTION and 0 < value <= _LONGEST_VALUE for label, value in options)
        )

    def block(self) -> dict[str, Any]:
        """The input as Slack takes it."""
        one = self.field
        made: dict[str, Any] = {
            "type": "input",
            "block_id": self.block_id,
            "label": plain(self.label),
            # Where something stands already, emptying it may be what is meant.
            "optional": not one.required or one.given is not ABSENT or one.kind in _MAY_BE_NONE,
            "element": {**_element(one), "action_id": ACTION},
        }
        return made | ({"hint": plain(one.note)} if one.note else {})


def inputs(known: Sequence[Field]) -> list[Input]:
    """The controls of a form, in order."""
    return [Input(f"field-{number}", label, one) for number, (label, one) in enumerate(_labelled(known, ""))]


def fit(known: Sequence[Field]) -> bool:
    """Whether a dialog can hold the whole form."""
    made = inputs(known)
    return len(made) <= _MOST and all(one.fits for one in made)


def typed(known: Sequence[Field], values: Mapping[str, Any]) -> MultiValueDict[str, str]:
    """What was put into the inputs, by the fields' names; `values` is the dialog's state as Slack sends it."""
    found = {one.field.name: _texts(values.get(one.block_id, {}).get(ACTION) or {}) for one in inputs(known)}
    return MultiValueDict(found)


def plain(text: str) -> dict[str, Any]:
    """A text in which nothing is read as formatting, a link or a mention."""
    return {"type": "plain_text", "text": text, "emoji": False}


def options_of(known: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    """Values and their labels as Slack takes options."""
    return [{"text": plain(label), "value": value} for value, label in known]


def _labelled(known: Iterable[Field], around: str) -> Iterator[tuple[str, Field]]:
    for one in known:
        label = f"{around} · {one.label}" if around else one.label
        if one.kind == "group":
            yield from _labelled(one.fields, label)
        else:
            yield label, one


def _element(one: Field) -> dict[str, Any]:
    if one.kind == "checkbox":
        return _choice("checkboxes", [Option("on", one.label[:_LONGEST_OPTION], True)], one.shown, several=True)
    if one.kind == "select":
        return _choice("static_select", one.options, one.shown, several=False)
    if one.kind in ("radios", "checks"):
        few, several = len(one.options) <= _MOST_BESIDE, one.kind == "checks"
        beside, folded = ("checkboxes", "multi_static_select") if several else ("radio_buttons", "static_select")
        return _choice(beside if few else folded, one.options, one.shown, several=several)
    return _picker(one) or _text(one)


def _choice(kind: str, known: Sequence[Option], shown: Sequence[str], *, several: bool) -> dict[str, Any]:
    options = options_of((one.text, one.label) for one in known)
    chosen = [one for one in options if one["value"] in shown]
    initial = {"initial_options": chosen} if several else {"initial_option": chosen[0]} if chosen else {}
    return {"type": kind, "options": options, **(initial if chosen else {})}


def _picker(one: Field) -> dict[str, Any] | None:
    """A control for numbers, dates and times; None where it could not show exactly what stands there.

    A decimal is a text: its last zeros are the writer's, and Slack may take them for nothing.
    """
    text = one.value
    match one.kind:
        case "integer" | "number" if not text or _PLAIN_NUMBER.fullmatch(text):
            exact = {"type": "number_input", "is_decimal_allowed": one.kind != "integer"}
            return exact | ({"initial_value": text} if text else {})
        case "date":
            return {"type": "datepicker", **({"initial_date": text} if text else {})}
        case "time" if len(text) in (0, 5):
            return {"type": "timepicker", **({"initial_time": text} if text else {})}
        case "datetime-local" if len(text) in (0, 16) and (not text or "2002" <= text[:4] <= "2285"):
            moment = {"initial_date_time": int(datetime.fromisoformat(f"{text}Z").timestamp())} if text else {}
            return {"type": "datetimepicker", **moment}
    return None


def _text(one: Field) -> dict[str, Any]:
    made = {"type": "plain_text_input", "multiline": one.kind in _SEVERAL}
    return made | ({"initial_value": one.value} if one.value else {})


def _texts(value: Mapping[str, Any]) -> list[str]:
    """What one input holds, as texts."""
    if "selected_options" in value:
        return [str(one["value"]) for one in value["selected_options"] or ()]
    if value.get("selected_option"):
        return [str(value["selected_option"]["value"])]
    if at := value.get("selected_date_time"):
        return [datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M")]
    text = value.get("value") or value.get("selected_date") or value.get("selected_time")
    return [str(text)] if text else []
