"""A form made from a schema: its fields, what is read from it, and where errors go."""

from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from django.utils.datastructures import MultiValueDict
from pydantic import BaseModel, Field

from flowapp.engine import codec
from flowapp.http import schema_form


class Tier(Enum):
    STANDARD = "standard"
    PRIORITY = "priority"


class Address(BaseModel):
    street: str
    city: str
    country: str = "DE"


class Customer(BaseModel):
    name: str = Field(min_length=1, description="As on the contract")
    address: Address
    billing: Address | None = None
    limit: Decimal = Field(gt=0)
    seats: int = Field(default=5, ge=1, le=500)
    tier: Tier = Tier.STANDARD
    since: date | None = None
    starts: datetime | None = None
    vip: bool = False
    insured: bool | None = None
    tags: list[str] = []
    plans: set[Tier] = set()
    contacts: list[dict[str, str]] = []
    notes: str = Field(default="", max_length=2000)


SCHEMA = codec.adapter(Customer).json_schema()
TYPED: dict[str, Any] = {
    "name": "Nordwind",
    "address.street": "Kai 1",
    "address.city": "Hamburg",
    "limit": "12.50",
    "seats": "7",
    "tier": "priority",
    "starts": "2027-01-15T10:00",
    "vip": "on",
    "insured": "false",
    "tags": "a\r\n b \r\n\r\n",
    "plans": ["standard", "priority"],
    "contacts": '[{"mail": "a@b.c"}]',
}
DATA = {
    "name": "Nordwind",
    "address": {"street": "Kai 1", "city": "Hamburg"},
    "billing": None,
    "limit": "12.50",
    "seats": 7,
    "tier": "priority",
    "since": None,
    "starts": "2027-01-15T10:00:00Z",
    "vip": True,
    "insured": False,
    "tags": ["a", "b"],
    "plans": ["standard", "priority"],
    "contacts": [{"mail": "a@b.c"}],
}


def by_name(fields):
    return {one.place: one for one in fields}


def typed(values, root="input"):
    """What a browser posts."""
    texts = {name: value if isinstance(value, list) else [value] for name, value in values.items()}
    return MultiValueDict({f"{root}.{name}" if name else root: value for name, value in texts.items()})


def untouched(known):
    """What a browser posts for a form that nobody changed."""
    return MultiValueDict({one.name: list(one.shown) or [""] for one in schema_form.leaves(known)})


def test_each_kind_of_value_has_its_control():
    kinds = {name: one.kind for name, one in by_name(schema_form.fields(SCHEMA)).items()}
    assert kinds == {
        "name": "text",
        "address": "group",
        "billing": "group",
        "limit": "decimal",
        "seats": "integer",
        "tier": "select",
        "since": "date",
        "starts": "datetime-local",
        "vip": "checkbox",
        "insured": "select",
        "tags": "lines",
        "plans": "checks",
        "contacts": "json",
        "notes": "textarea",
    }


def test_labels_hints_defaults_and_bounds_come_from_the_schema():
    found = by_name(schema_form.fields(SCHEMA))
    assert (found["name"].label, found["name"].note, found["name"].required) == ("Name", "As on the contract", True)
    assert (found["seats"].value, found["seats"].required) == ("5", False)
    assert found["seats"].note == "At least 1 and at most 500."
    assert [option.text for option in found["tier"].options] == ["standard", "priority"]
    assert [part.name for part in found["address"].fields] == [
        "input.address.street",
        "input.address.city",
        "input.address.country",
    ]
    assert found["address"].fields[0].id == "field-address-street"


def test_what_is_typed_becomes_the_data():
    reading = schema_form.read(schema_form.fields(SCHEMA), typed(TYPED))
    assert (reading.data, reading.errors) == (DATA, [])
    assert Customer.model_validate(reading.data).tags == ["a", "b"]


def test_what_is_left_empty_is_left_out_so_that_validation_names_what_is_missing():
    reading = schema_form.read(schema_form.fields(SCHEMA), typed(TYPED | {"name": " "}))
    assert "name" not in reading.data


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("contacts", "[1,", "This is not JSON"),
        ("contacts", "[NaN]", "This is not JSON"),
        ("contacts", "[1e400]", "1e400 is too large a number"),
        ("contacts", "[" * 100_000, "nested too deeply"),
        ("seats", "4.5", "'4.5' is not a whole number"),
        ("seats", "1e999999", "'1e999999' is not a whole number"),
        ("seats", "many", "'many' is not a whole number"),
        ("limit", "1,50", "'1,50' is not a number"),
        ("limit", "NaN", "'NaN' is not a number"),
        ("since", "31.3.2027", "a date such as"),
        ("starts", "tomorrow", "a date and time such as"),
    ],
)
def test_what_cannot_be_read_is_named_and_the_rest_is_read(name, text, said):
    reading = schema_form.read(schema_form.fields(SCHEMA), typed(TYPED | {name: text}))
    [error] = reading.errors
    assert error["loc"] == [name]
    assert said in error["msg"]
    assert reading.data == {key: value for key, value in DATA.items() if key != name}


def test_errors_stand_at_their_fields_and_typed_values_stay():
    errors: list[dict[str, Any]] = [
        {"loc": ["address", "street"], "msg": "too short"},
        {"loc": ["tags", 0], "msg": "not a text"},
        {"loc": [], "msg": "does not fit together"},
    ]
    known = schema_form.fields(SCHEMA)
    shown = by_name(schema_form.filled(known, typed(TYPED | {"notes": "keep me"}), errors))
    assert shown["notes"].value == "keep me"
    assert shown["plans"].shown == ("standard", "priority")
    assert shown["tags"].error == "not a text"
    assert by_name(shown["address"].fields)["address.street"].error == "too short"
    assert schema_form.unplaced(known, errors) == ["does not fit together"]


@pytest.mark.parametrize(
    ("annotation", "text", "value"),
    [
        (int, "3", 3),
        (list[int], "1\n2", [1, 2]),
        (list[list[int]], "[[1]]", [[1]]),
        (str, "hello", "hello"),
        (dict, '{"a": 1}', {"a": 1}),
    ],
)
def test_data_that_is_no_object_is_one_field(annotation, text, value):
    known = schema_form.fields(codec.adapter(annotation).json_schema(), root="data")
    assert [one.name for one in known] == ["data"]
    assert schema_form.read(known, typed({"": text}, "data")).data == value


def test_a_workflow_without_input_has_no_fields():
    assert schema_form.fields({"type": "null"}) == []
    assert schema_form.read([], MultiValueDict()).data is None


GIVEN = [
    Customer.model_validate(DATA).model_dump(mode="json"),
    {"when": "2027-01-15T10:00:00+02:00", "exactly": "2027-01-15T10:00:00.123456Z", "at": "not a date"},
    {"none": None, "empty": "", "blank": " ", "lines": "a\r\nb\n", "first": "\nx", "long": "x" * 100},
    {"numbers": [1, 2.5], "big": 10**40, "tiny": 1e-9, "mixed": [1, "a", None], "nothing": [], "void": {}},
    {"a.b": 1, "a": {"b": 2}, "with space": {"%": True}, "deep": {"a": {"b": {"c": {"d": {"e": [{}]}}}}}},
    [{"a": 1}],
    "text",
    None,
]


@pytest.mark.parametrize("given", GIVEN, ids=range(len(GIVEN)))
@pytest.mark.parametrize("schema", [{}, {"type": "object"}, SCHEMA], ids=["any", "object", "model"])
def test_a_form_that_nobody_changed_gives_back_exactly_what_it_was_made_with(given, schema):
    if schema is SCHEMA and not isinstance(given, dict):
        pytest.skip("no such object")
    known = schema_form.fields(schema, given=given)
    names = [one.name for one in schema_form.leaves(known)]
    assert len(set(names)) == len(names)
    reading = schema_form.read(known, untouched(known))
    assert (reading.data, reading.errors) == (given, [])


def test_a_change_to_what_was_given_changes_only_that():
    known = schema_form.fields({"type": "object"}, given={"to": {"iban": "DE1", "note": "x"}, "n": 5, "ok": True})
    posted = untouched(known)
    posted.setlist("input.to.note", [""])
    posted.setlist("input.n", ["6"])
    posted.setlist("input.ok", [])
    assert schema_form.read(known, posted).data == {"to": {"iban": "DE1", "note": ""}, "n": 6, "ok": False}
    posted.setlist("input.n", [""])
    assert schema_form.read(known, posted).errors == [{"loc": ["n"], "msg": "This is needed."}]


def test_more_values_than_a_form_can_hold_are_edited_as_json():
    [whole] = schema_form.fields({"type": "object"}, given={f"key{number}": number for number in range(300)})
    assert whole.kind == "json"
