"""What Ninja's description of the API lacks: the errors, the two ways to sign in, and readable summaries."""

from typing import Any

from ninja.openapi.schema import OpenAPISchema

from flowapp.http.problems import CONTENT_TYPE, TYPES

_PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "What went wrong (RFC 9457). `errors` comes with `invalid`, `decision` with `already-decided`.",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "enum": [*TYPES, "about:blank"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What was wrong, where, and what to do."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["loc", "msg"],
                "properties": {
                    "loc": {"type": "array", "items": {"type": ["string", "integer"]}, "description": "The path."},
                    "msg": {"type": "string"},
                },
            },
        },
        "decision": {"$ref": "#/components/schemas/Decision"},
    },
}
_SIGN_IN = {
    "apiKey": {"type": "http", "scheme": "bearer", "description": "An API key: `Authorization: Bearer ffk_…`"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "flowapp_session",
        "description": "A signed-in browser; what changes things needs the `X-CSRFToken` header as well.",
    },
}
_ERROR = {
    "description": "A problem document",
    "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def finish(document: OpenAPISchema) -> OpenAPISchema:
    """The same document, completed."""
    document["security"] = [{name: []} for name in _SIGN_IN]
    document["components"]["securitySchemes"] = _SIGN_IN
    document["components"]["schemas"]["Problem"] = _PROBLEM
    for operations in document["paths"].values():
        for operation in operations.values():
            _finish_operation(operation)
    return document


def _finish_operation(operation: dict[str, Any]) -> None:
    operation.pop("security", None)
    operation["responses"]["default"] = _ERROR
    summary, _, rest = operation.pop("description").partition("\n\n")
    operation["summary"] = summary.replace("\n", " ")
    if rest:
        operation["description"] = rest.replace("\n", " ")
