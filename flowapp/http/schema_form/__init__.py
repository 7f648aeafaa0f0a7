"""A form made from a JSON Schema: its fields, what was typed into them, and what that means as JSON."""

from flowapp.http.schema_form.building import fields
from flowapp.http.schema_form.field import ABSENT, Field, Option, leaves
from flowapp.http.schema_form.filling import filled, unplaced
from flowapp.http.schema_form.reading import Reading, read

__all__ = ["ABSENT", "Field", "Option", "Reading", "fields", "filled", "leaves", "read", "unplaced"]
