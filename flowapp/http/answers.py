"""Which problem each exception of Django, Ninja and the rooms beneath is. Rooms above register theirs themselves."""

import math
from typing import Any

from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
)
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, Throttled, ValidationError

from flowapp.engine import errors as engine
from flowapp.engine.reading.search import BadFilter
from flowapp.engine.upkeep import bulk, retention
from flowapp.tenancy import errors as tenancy
from flowapp.tenancy.errors import TenancyError

from .problems import Problem, answers, as_json, from_exception, invalid


def register() -> None:
    """Make them known; once, when Django is ready."""
    answers(Http404, lambda error: Problem("not-found", _sentence(error, "There is no such thing here.")))
    answers(PermissionDenied, lambda error: Problem("not-eligible", _sentence(error, "You may not do this.")))
    answers(RequestDataTooBig, lambda _: Problem("too-large", "The body is over the limit: send less."))
    answers(TooManyFieldsSent, lambda _: Problem("too-large", "The form has too many fields: send fewer."))
    answers(SuspiciousOperation, lambda _: Problem("invalid", "The request cannot be read.", 400))
    answers(BadRequest, lambda error: Problem("invalid", _sentence(error, "The request cannot be read."), 400))
    answers(HttpError, _http_error)
    answers(AuthenticationError, lambda _: Problem("unauthenticated", "Send an API key: Authorization: Bearer ffk_…"))
    answers(Throttled, _throttled)
    answers(ValidationError, _not_valid)
    answers(engine.UnknownWorkflow, lambda error: Problem("not-found", str(error)))
    answers(engine.RunNotFound, lambda error: Problem("not-found", str(error)))
    answers(engine.InvalidInput, lambda error: invalid(error.errors, str(error)))
    answers(bulk.JobNotFound, lambda error: Problem("not-found", str(error)))
    answers(bulk.NothingToDo, lambda error: Problem("illegal-state", str(error)))
    answers(retention.BadPolicy, lambda error: invalid([{"loc": ["days"], "msg": str(error)}]))
    answers(BadFilter, lambda error: invalid([{"loc": [error.field], "msg": str(error)}]))
    answers(engine.IdempotencyConflict, lambda error: Problem("idempotency-conflict", str(error)))
    answers(engine.StartSkipped, lambda error: Problem("illegal-state", str(error)))
    answers(engine.RateLimited, _start_limited)
    answers(engine.IllegalState, lambda error: Problem("illegal-state", str(error)))
    answers(engine.PayloadTooLarge, lambda error: Problem("too-large", str(error)))
    answers(TenancyError, lambda error: Problem("invalid", str(error)))
    answers(tenancy.Unfit, lambda error: invalid(error.errors, str(error)))
    answers(tenancy.NotHere, lambda error: Problem("not-found", str(error)))
    answers(tenancy.NotAllowed, lambda error: Problem("not-eligible", str(error)))


def for_ninja(api: NinjaAPI) -> None:
    """Have a Ninja API answer with problem documents; what is none is a bug, and Django's to report."""

    def answer(request: HttpRequest, error: Exception | type[Exception]) -> HttpResponse:
        problem = from_exception(error) if isinstance(error, Exception) else None
        if problem is None:
            raise error
        return as_json(problem)

    # Ninja has handlers of its own for these, and the closest class wins.
    for error in (Exception, Http404, HttpError, ValidationError, AuthenticationError, Throttled):
        api.add_exception_handler(error, answer)


def _sentence(error: Exception, otherwise: str) -> str:
    # A 404 of the resolver carries its whole table of paths.
    text = str(error.args[0]) if error.args and isinstance(error.args[0], str) else ""
    return text or otherwise


def _http_error(error: HttpError) -> Problem:
    types = {400: "invalid", 401: "unauthenticated", 403: "not-eligible", 404: "not-found", 422: "invalid"}
    return Problem(types.get(error.status_code, "about:blank"), error.message, error.status_code)


def _throttled(error: Throttled) -> Problem:
    seconds = math.ceil(error.wait or 1)
    return Problem("rate-limited", f"Try again in {seconds} s.", headers={"Retry-After": str(seconds)})


def _start_limited(error: engine.RateLimited) -> Problem:
    return Problem("rate-limited", str(error), headers={"Retry-After": str(max(1, math.ceil(error.retry_after)))})


def _not_valid(error: ValidationError) -> Problem:
    """Ninja's errors, with the place as the client knows it: without "body" and the argument's name before it."""
    return invalid([{"loc": _place(one["loc"]), "msg": _words(one)} for one in error.errors])


def _words(one: dict[str, Any]) -> str:
    """What is wrong, in the client's words rather than in those of our classes."""
    if one.get("type") in ("model_type", "model_attributes_type"):
        return "Input should be an object"
    return str(one["msg"]).removeprefix("Value error, ")


def _place(loc: Any) -> list[str | int]:
    parts = list(loc)
    if parts[:2] == ["query", "where"]:  # parameters that make up one value; those given several times have numbers
        return [part for part in parts[2:] if isinstance(part, str)]
    return parts[2:] if parts[:1] in (["body"], ["form"]) and len(parts) > 1 else parts[1:]
