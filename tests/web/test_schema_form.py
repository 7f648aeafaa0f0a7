"""A form made from a schema: its fields, what is read from it, and where errors go."""

from typing import Any

import pytest
from django.http import QueryDict

from flowapp.engine import codec
from flowapp.web import schema_form
from flowapp.web.schema_form import Unreadable
from tests.web.flows import Customer

SCHEMA = codec.adapter(Customer).json_schema()
TYPED = {
    "name": "Nordwind",
    "address.street": "Kai 1",
    "address.city": "Hamburg",
    "limit": "12.50",
    "seats": "7",
    "tier": "priority",
    "vip": "on",
    "tags": '["a", "b"]',
}


def by_name(fields):
    return {one.name: one for one in fields}


def test_each_kind_of_value_has_its_control():
    kinds = {name: one.kind for name, one in by_name(schema_form.fields(SCHEMA)).items()}
    assert kinds == {
        "name": "text",
        "address": "group",
        "limit": "decimal",
        "seats": "number",
        "tier": "select",
        "since": "date",
        "vip": "checkbox",
        "tags": "json",
        "notes": "textarea",
    }


def test_labels_hints_defaults_and_bounds_come_from_the_schema():
    found = by_name(schema_form.fields(SCHEMA))
    assert (found["name"].label, found["name"].hint, found["name"].required) == ("Name", "As on the contract", True)
    assert (found["seats"].value, found["seats"].required) == ("5", False)
    assert found["seats"].attributes == {"min": "1", "max": "500", "step": "1"}
    assert found["tier"].options == ["standard", "priority"]
    assert [part.name for part in found["address"].fields] == ["address.street", "address.city", "address.country"]


def test_what_is_typed_becomes_the_input():
    read = schema_form.read(schema_form.fields(SCHEMA), TYPED)
    assert read == {
        "name": "Nordwind",
        "address": {"street": "Kai 1", "city": "Hamburg"},
        "limit": "12.50",
        "seats": 7,
        "tier": "priority",
        "since": None,
        "vip": True,
        "tags": ["a", "b"],
    }
    assert Customer.model_validate(read).tags == ["a", "b"]


def test_what_is_left_empty_is_left_out_so_that_the_workflow_names_what_is_missing():
    assert "name" not in schema_form.read(schema_form.fields(SCHEMA), TYPED | {"name": " "})


def test_json_that_does_not_parse_is_named():
    with pytest.raises(Unreadable) as caught:
        schema_form.read(schema_form.fields(SCHEMA), TYPED | {"tags": "[1,"})
    assert caught.value.errors[0]["loc"] == ["tags"]


def test_errors_stand_at_their_fields_and_typed_values_stay():
    errors: list[dict[str, Any]] = [
        {"loc": ["address", "street"], "msg": "too short"},
        {"loc": ["tags", 0], "msg": "not a text"},
        {"loc": [], "msg": "does not fit together"},
    ]
    known = schema_form.fields(SCHEMA)
    shown = by_name(schema_form.filled(known, TYPED | {"notes": "keep me"}, errors))
    assert shown["notes"].value == "keep me"
    assert shown["tags"].error == "not a text"
    assert by_name(shown["address"].fields)["address.street"].error == "too short"
    assert schema_form.unplaced(known, errors) == ["does not fit together"]


@pytest.mark.parametrize(
    ("annotation", "typed", "value"),
    [(int, "3", 3), (list[int], "[1, 2]", [1, 2]), (str, "hello", "hello"), (dict, '{"a": 1}', {"a": 1})],
)
def test_an_input_that_is_no_object_is_one_field(annotation, typed, value):
    known = schema_form.fields(codec.adapter(annotation).json_schema())
    assert [one.name for one in known] == ["input"]
    assert schema_form.read(known, {"input": typed}) == value


def test_a_workflow_without_input_has_no_fields():
    assert schema_form.fields({"type": "null"}) == []
    assert schema_form.read([], QueryDict()) is None
