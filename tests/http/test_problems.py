"""Problem documents: their members, which exception is which, and who gets a page instead."""

import json
import re
from pathlib import Path

import pytest
from django.core.exceptions import BadRequest, RequestDataTooBig
from django.test import Client
from ninja.errors import HttpError, Throttled, ValidationError

from flowapp.engine import errors as engine
from flowapp.http.problems import TYPES, Problem, answers, from_exception, invalid, problem
from flowapp.tenancy.errors import UnknownAssignee

urls = pytest.mark.urls("tests.http.site")


def test_a_type_brings_its_status_and_title() -> None:
    response = problem("already-decided", detail="Bo approved this.", decision={"by": "bo@example.com"})
    assert (response.status_code, response["Content-Type"]) == (409, "application/problem+json")
    assert json.loads(response.content) == {
        "type": "already-decided",
        "title": "Somebody has decided this already",
        "status": 409,
        "detail": "Bo approved this.",
        "decision": {"by": "bo@example.com"},
    }


def test_what_is_not_valid_is_named_with_its_place() -> None:
    found = invalid([{"loc": ["input", "lines", 0], "msg": "missing"}, {"loc": [], "msg": "not an object"}])
    assert found.detail == "input.lines.0: missing; body: not an object"
    assert found.document()["errors"][0] == {"loc": ["input", "lines", 0], "msg": "missing"}


@pytest.mark.parametrize(
    ("error", "type_", "status"),
    [
        (engine.UnknownWorkflow("no workflow x"), "not-found", 404),
        (engine.RunNotFound("no run x"), "not-found", 404),
        (engine.InvalidInput([{"loc": ["amount"], "msg": "missing"}]), "invalid", 422),
        (engine.IdempotencyConflict("used before"), "idempotency-conflict", 409),
        (engine.IllegalState("it is completed"), "illegal-state", 409),
        (engine.PayloadTooLarge("60 MB"), "too-large", 413),
        (UnknownAssignee("x names nobody"), "invalid", 422),
        (RequestDataTooBig(), "too-large", 413),
        (BadRequest("not JSON"), "invalid", 400),
        (HttpError(400, "Cannot parse request body"), "invalid", 400),
        (HttpError(403, "CSRF"), "not-eligible", 403),
        (Throttled(wait=2), "rate-limited", 429),
        (ValidationError([{"loc": ("body", "order", "amount"), "msg": "missing"}]), "invalid", 422),
        (Problem("expired", "It expired."), "expired", 410),
    ],
)
def test_exceptions_are_problems(error: Exception, type_: str, status: int) -> None:
    found = from_exception(error)
    assert found
    assert (found.type, found.status) == (type_, status)
    assert found.detail


def test_places_are_named_as_the_client_knows_them() -> None:
    error = ValidationError(
        [
            {"loc": ("body", "order", "lines", 0, "sku"), "msg": "missing"},
            {"loc": ("query", "limit"), "msg": "too big"},
            {"loc": ("body", "order"), "msg": "missing"},
        ]
    )
    found = from_exception(error)
    assert found
    assert [one["loc"] for one in found.extra["errors"]] == [["lines", 0, "sku"], ["limit"], []]


def test_a_bug_is_no_problem() -> None:
    assert from_exception(ZeroDivisionError()) is None


def test_the_closest_base_class_decides() -> None:
    class Refused(Exception):
        pass

    class RefusedForGood(Refused):
        pass

    answers(Refused, lambda _: Problem("illegal-state", "refused"))
    assert getattr(from_exception(RefusedForGood()), "type", None) == "illegal-state"
    answers(RefusedForGood, lambda _: Problem("expired", "refused for good"))
    assert getattr(from_exception(RefusedForGood()), "type", None) == "expired"


@urls
@pytest.mark.parametrize(
    ("how", "status", "type_", "detail"),
    [
        ("missing", 404, "not-found", "no such order"),
        ("denied", 403, "not-eligible", "not yours"),
        ("invalid", 422, "invalid", "amount: must be above 0"),
        ("bug", 500, "about:blank", "The error was logged. Try again in a moment."),
    ],
)
def test_programs_get_documents_and_people_pages(db: None, how: str, status: int, type_: str, detail: str) -> None:
    client = Client(raise_request_exception=False)
    answer = client.get(f"/v1/failing/{how}")
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert (answer.json()["type"], answer.json()["detail"]) == (type_, detail)
    page = client.get(f"/failing/{how}")
    assert (page.status_code, page["Content-Type"].split(";")[0]) == (status, "text/html")
    assert "the secret detail" not in page.content.decode()


@urls
def test_an_unknown_address_is_a_problem_too(db: None) -> None:
    answer = Client().get("/v1/nothing/here")
    assert (answer.status_code, answer.json()["type"]) == (404, "not-found")
    page = Client().get("/nothing/here")
    assert page.status_code == 404
    assert "leads nowhere" in page.content.decode()


@urls
def test_a_wrong_method_is_a_problem_too(db: None) -> None:
    answer = Client().get("/v1/site/open")
    assert (answer.status_code, answer["Content-Type"]) == (405, "application/problem+json")


@urls
def test_a_body_over_the_limit_is_413(db: None, settings: object) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 10  # type: ignore[attr-defined]
    answer = Client().post("/length", b"x" * 11, content_type="text/plain", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["type"]) == (413, "too-large")


def test_the_reference_lists_every_type() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/problems.md").read_text()
    assert set(re.findall(r"^\| `([a-z-]+)` \| (\d+) \|", page, flags=re.MULTILINE)) == {
        (name, str(status)) for name, (status, _) in TYPES.items()
    }
