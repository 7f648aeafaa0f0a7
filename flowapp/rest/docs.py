"""/v1/openapi.json, and /v1/docs: the same as a page rendered here, without a script or anything from elsewhere."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from flowapp.http.access import PUBLIC, access

Document = Callable[[], dict[str, Any]]


def patterns(document: Document) -> list[URLPattern]:
    """The two addresses, for whatever document this gives."""

    @access(PUBLIC)
    @require_safe
    def openapi_json(request: HttpRequest) -> HttpResponse:
        return JsonResponse(document())

    @access(PUBLIC)
    @require_safe
    def docs(request: HttpRequest) -> HttpResponse:
        return render(request, "rest/docs.html", _page(document()))

    return [path("openapi.json", openapi_json, name="openapi-json"), path("docs", docs, name="openapi-view")]


@dataclass(frozen=True)
class Field:
    """A parameter, or a member of an object. `shape` is the name of the component its type leads to."""

    name: str
    type: str
    shape: str
    required: bool
    text: SafeString


@dataclass(frozen=True)
class Call:
    """One operation."""

    id: str
    method: str
    path: str
    text: SafeString
    parameters: list[Field]
    body: Field | None
    answers: list[tuple[str, Field | None]]


def _page(document: dict[str, Any]) -> dict[str, Any]:
    calls: dict[str, list[Call]] = {}
    for at, operations in document["paths"].items():
        for method, operation in operations.items():
            calls.setdefault(operation["tags"][0], []).append(_call(method, at, operation))
    shapes = [
        (name, _prose(schema.get("description", "")), list(_members(schema)), schema.get("enum", []))
        for name, schema in sorted(document["components"]["schemas"].items())
    ]
    return {"info": document["info"], "calls": calls.items(), "shapes": shapes}


def _call(method: str, at: str, operation: dict[str, Any]) -> Call:
    parameters = [
        _field(one["name"], one["schema"], required=one["required"], text=f"In the {one['in']}.")
        for one in operation.get("parameters", [])
    ]
    return Call(
        id=operation["operationId"],
        method=method.upper(),
        path=at,
        text=_prose(f"{operation['summary']} {operation.get('description', '')}"),
        parameters=parameters,
        body=_content(operation.get("requestBody", {})),
        answers=[(str(status), _content(one)) for status, one in operation["responses"].items()],
    )


def _content(holder: dict[str, Any]) -> Field | None:
    for media_type, content in holder.get("content", {}).items():
        return _field(media_type, content["schema"], required=holder.get("required", False))
    return None


def _members(schema: dict[str, Any]) -> Iterator[Field]:
    for name, member in schema.get("properties", {}).items():
        yield _field(name, member, required=name in schema.get("required", []))


def _field(name: str, schema: dict[str, Any], *, required: bool, text: str = "") -> Field:
    texts = " ".join(filter(None, [text, schema.get("description")]))
    return Field(name, _type(schema), _shape(schema), required, _prose(texts))


def _prose(text: str) -> SafeString:
    """Text with `code` in backticks as HTML."""
    parts = enumerate(text.split("`"))
    return format_html_join("", "{}", ((format_html("<code>{}</code>", one) if at % 2 else one,) for at, one in parts))


def _type(schema: dict[str, Any]) -> str:
    """The type in words: `string (uuid)`, `array of Step`, `Failure or null`."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(_type(one) for one in schema["anyOf"]))
    if schema.get("type") == "array":
        return f"array of {_type(schema['items'])}" if schema.get("items") else "array"
    kind = schema.get("type", "any JSON")
    words = " or ".join(kind) if isinstance(kind, list) else str(kind)
    return f"{words} ({schema['format']})" if "format" in schema else words


def _shape(schema: dict[str, Any]) -> str:
    """The first component that a type leads to; empty for none."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    inner = schema.get("anyOf", [schema["items"]] if schema.get("items") else [])
    return next((found for one in inner if (found := _shape(one))), "")
