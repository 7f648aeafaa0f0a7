"""The page that a mail's link opens: it shows the question to whoever holds the link; only its form decides."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from approvals import actions, queries
from approvals.actions.channels import links, question
from approvals.actions.channels.links import Token
from approvals.forms import DecideForm
from approvals.models import SignedLink
from approvals.states import InvalidDecision, PromptStatus, Refused, StepUpRequired
from approvals.views import prose
from flowapp.http.access import PUBLIC, access
from flowapp.http.problems import Problem, from_exception
from flowapp.tenancy import queries as tenancy
from flowapp.tenancy.scope import scoped

PAGE = "approvals/by_link.html"
_ANOTHER = "This link is somebody else's: you are signed in as another person. Answer in your own inbox."


@access(PUBLIC)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def decide(request: HttpRequest, token: str) -> HttpResponse:
    """Show the question; on POST decide it as the link's person."""
    read = links.read(token)
    with scoped(read.workspace_id):
        link = links.find(read)
        _refuse_others(request, link)
        if request.method != "POST":
            return _page(request, link, read)
        try:
            form = DecideForm(request.POST)
            if not form.is_valid() and links.over(link, read) is None:
                raise InvalidDecision(form.found())
            given = form.cleaned_data
            links.decide(read, outcome=given.get("outcome", ""), reasoning=given.get("reasoning", ""))
        except Refused as refused:
            problem = from_exception(refused)
            return _page(request, links.find(read), read, refused, status=problem.status if problem else 400)
        return _page(request, links.find(read), read)


def _refuse_others(request: HttpRequest, link: SignedLink) -> None:
    """A mail that was passed on shows nothing, and lends no voice, to somebody who is signed in as themselves."""
    if request.user.is_authenticated and request.user.pk != link.member.user_id:
        raise Problem("not-eligible", _ANOTHER)


def _page(
    request: HttpRequest, link: SignedLink, read: Token, refused: Refused | None = None, status: int = 200
) -> HttpResponse:
    view = queries.prompt_detail(link.prompt_id)
    context: dict[str, Any] = {
        "member": link.member,
        "title": view.title,
        "sentence": question.sentence(view),
        "workflow": view.workflow,
        "rows": question.payload(view),
        "message_html": prose.html(view.message) if view.message else "",
        "by_agent": view.requester is not None and view.requester.kind == "agent",
        "facts": question.facts(view) if view.status == PromptStatus.PENDING else [],
        "outcomes": question.outcomes(view),
        "ending": question.ending(view),
        "ended_badly": view.status in (PromptStatus.EXPIRED, PromptStatus.CANCELLED),
        "url": question.address(view.id),
        "closed": _closed(link, read),
        "answered": link.used_outcome,
        "elsewhere": question.elsewhere(view),
        "error": str(refused) if refused else "",
        "reason_error": _reason_error(refused),
        "typed": request.POST.get("reasoning", ""),
    }
    return render(request, PAGE, context, status=status)


def _closed(link: SignedLink, read: Token) -> str:
    """Why nothing can be answered here, besides that the prompt is over."""
    if over := links.over(link, read):
        return str(over)
    if link.version != link.prompt.version:
        return "The question changed since this mail. Answer the newer mail, or sign in."
    refusal = actions.why_not(link.prompt_id, by=tenancy.actor_for(link.member))
    return str(refusal) if refusal and not isinstance(refusal, StepUpRequired) else ""


def _reason_error(refused: Refused | None) -> str:
    if not isinstance(refused, InvalidDecision):
        return ""
    return " ".join(one["msg"] for one in refused.errors if one["field"] == "reasoning")
