"""RFC 9457 problem documents: the types there are, the exception that carries one, and how it reaches the client."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from pydantic_core import to_json

from .middleware import EitherWay

CONTENT_TYPE = "application/problem+json"
_API = ("/v1/", "/hooks/", "/metrics")

# type: status, title
TYPES = {
    "already-decided": (409, "Somebody has decided this already"),
    "stale-version": (409, "The prompt has changed since you read it"),
    "expired": (410, "The prompt is no longer open"),
    "idempotency-conflict": (409, "This idempotency key was used for another request"),
    "not-eligible": (403, "You may not do this"),
    "step-up-required": (403, "Confirm with a second factor first"),
    "illegal-state": (409, "This is not possible in the present state"),
    "invalid": (422, "What was sent is not valid"),
    "not-found": (404, "There is no such thing here"),
    "unauthenticated": (401, "Sign in or send an API key"),
    "too-large": (413, "What was sent is too large"),
    "rate-limited": (429, "Too many requests"),
}
UNREADABLE = "The request cannot be read."
# Plain HTTP answers that need no type of their own (RFC 9457, section 4.2.1)
_PLAIN = {405: "This method is not allowed here", 500: "Something went wrong on our side", 503: "Try again in a moment"}


@dataclass
class Problem(Exception):
    """Something to tell the client. `type` is one of TYPES; `extra` becomes members of the document."""

    type: str
    detail: str
    status: int = 0
    title: str = ""
    extra: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        status, title = TYPES.get(self.type) or (self.status, _PLAIN.get(self.status, "Error"))
        self.status = self.status or status
        self.title = self.title or title
        super().__init__(self.detail)

    def __str__(self) -> str:
        return self.detail

    def document(self) -> dict[str, Any]:
        """The members of the problem document."""
        return {"type": self.type, "title": self.title, "status": self.status, "detail": self.detail, **self.extra}


def problem(type: str, title: str = "", status: int = 0, detail: str = "", **extra: Any) -> HttpResponse:
    """A problem document as a response; title and status follow from the type unless given."""
    return as_json(Problem(type, detail, status, title, extra))


def as_json(problem: Problem) -> HttpResponse:
    """The problem as its document; times as exact as the API's."""
    content = to_json(problem.document(), inf_nan_mode="null")
    return HttpResponse(content, status=problem.status, content_type=CONTENT_TYPE, headers=problem.headers or None)


def invalid(errors: list[dict[str, Any]], detail: str = "", status: int = 422) -> Problem:
    """The problem of values that are not valid; each error is {"loc": [path…], "msg": what is wrong}."""
    sentences = "; ".join(f"{'.'.join(str(part) for part in e['loc']) or 'body'}: {e['msg']}" for e in errors)
    return Problem("invalid", detail or sentences, status, extra={"errors": errors})


_answers: dict[type[Exception], Callable[[Any], Problem]] = {}


def answers[E: Exception](error: type[E], to_problem: Callable[[E], Problem]) -> None:
    """Say which problem an exception is; rooms above register theirs. The closest base class decides."""
    _answers[error] = to_problem


def from_exception(error: Exception) -> Problem | None:
    """The problem an exception stands for; None for a bug."""
    if isinstance(error, Problem):
        return error
    known = next((_answers[base] for base in type(error).__mro__ if base in _answers), None)
    return known(error) if known else None


def wants_json(request: HttpRequest) -> bool:
    """Whether the client is a program: by path, by its credentials, or by what it accepts."""
    if request.path.startswith(_API) or "Authorization" in request.headers:
        return True
    return request.get_preferred_type(["text/html", "application/json", CONTENT_TYPE]) not in ("text/html", None)


def respond(request: HttpRequest, problem: Problem) -> HttpResponseBase:
    """Tell the client: programs get the document, people the sign-in page or an error page."""
    if wants_json(request):
        return as_json(problem)
    if problem.status == 401:
        return _to_login(request)
    return render(request, "problem.html", {"problem": problem}, status=problem.status)


def _to_login(request: HttpRequest) -> HttpResponseBase:
    if request.headers.get("HX-Request") == "true":
        # A plain redirect would put the sign-in page into the fragment's place.
        page = urlsplit(request.headers.get("HX-Current-URL", "/")).path
        return HttpResponse(status=401, headers={"HX-Redirect": redirect_to_login(page).url})
    return redirect_to_login(request.get_full_path())


class ProblemsMiddleware(EitherWay):
    """Turns exceptions into problems, and for programs also whatever Django itself answers with an error page."""

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.is_async:
            return self._acall(request)
        return _for_programs(request, self.get_response(request))

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        return _for_programs(request, await self.get_response(request))

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponseBase | None:
        found = from_exception(error)
        return respond(request, found) if found else None


def _for_programs(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    plain = response.status_code >= 400 and "json" not in response.headers.get("Content-Type", "")
    if not plain or not request.path.startswith(_API):
        return response
    found = _of_status(response.status_code)
    if "Allow" in response.headers:  # which methods are, says a 405
        found.headers["Allow"] = response.headers["Allow"]
    return as_json(found)


def _of_status(status: int) -> Problem:
    same = [type for type, (number, _) in TYPES.items() if number == status]
    if status == 400:
        return Problem("invalid", UNREADABLE, 400)
    if len(same) == 1:
        return Problem(same[0], TYPES[same[0]][1] + ".")
    return Problem("about:blank", _PLAIN.get(status, "Error") + ".", status)


def unreadable(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's handler400: a host that is not ours, a form that is none. Its log line says which."""
    return respond(request, Problem("invalid", UNREADABLE, 400))


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    """Django's handler404."""
    return respond(request, Problem("not-found", "This address leads nowhere, or to something you may not see."))


def broken(request: HttpRequest) -> HttpResponseBase:
    """Django's handler500: the exception itself is in the log only."""
    return respond(request, Problem("about:blank", "The error was logged. Try again in a moment.", 500))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """What CsrfViewMiddleware answers."""
    return respond(request, Problem("not-eligible", f"The form's security token is missing or old: reload. {reason}"))
