"""The page that a mail's link opens: it shows the question to whoever holds the link; only its form decides."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from approvals import actions, forms, queries
from approvals.actions.channels import links, question
from approvals.actions.channels.links import Token
from approvals.actions.filling import Answer
from approvals.models import SignedLink
from approvals.policies.answers import REASONS
from approvals.policies.consequences import consequences
from approvals.policies.evidence import evidence
from approvals.queries import PromptView
from approvals.states import NEGATIVE, InvalidDecision, PromptStatus, PromptType, Refused, StepUpRequired
from approvals.views import answering, prose
from flowapp.http.access import PUBLIC, access
from flowapp.http.problems import Problem, from_exception
from flowapp.tenancy import queries as tenancy
from flowapp.tenancy.scope import scoped

PAGE = "approvals/by_link.html"
_ANOTHER = "This link is somebody else's: you are signed in as another person. Answer in your own inbox."
_CORRECT = "Not sent yet. Correct what is marked; what you typed is still here."


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
        return _answered(request, link, read)


def _answered(request: HttpRequest, link: SignedLink, read: Token) -> HttpResponse:
    """Decide, or show the form again: with what is wrong in it, or once more before an edit counts."""
    view = queries.prompt_detail(link.prompt_id)
    answer = forms.answer(view, request.POST)
    if forms.BACK in request.POST:
        return _page(request, link, read, answering.sent_back(view, answer, request.POST))
    try:
        # What is over needs no corrections: deciding says what ended it, and notes the attempt.
        if view.status == PromptStatus.PENDING and not _closed(link, read, view):
            answer.check(view)
            if answer.wants_review(view) and forms.CONFIRMED not in request.POST and not question.elsewhere(view):
                return _page(request, link, read, answering.review(view, answer, request.POST))
        links.decide(read, answer)
    except Refused as refused:
        back = answering.sent_back(view, answer, request.POST, refused)
        said = back | _said(refused, answer, back)
        if view.status != PromptStatus.PENDING:
            return _page(request, link, read, said, status=_status(refused), ended=view)
        return _page(request, links.find(read), read, said, status=_status(refused))
    return _page(request, links.find(read), read)


def _refuse_others(request: HttpRequest, link: SignedLink) -> None:
    """A mail that was passed on shows nothing, and lends no voice, to somebody who is signed in as themselves."""
    if request.user.is_authenticated and request.user.pk != link.member.user_id:
        raise Problem("not-eligible", _ANOTHER)


def _status(refused: Refused) -> int:
    problem = from_exception(refused)
    return problem.status if problem else 400


def _said(refused: Refused, answer: Answer, back: dict[str, Any]) -> dict[str, Any]:
    """The refusal in words. What is wrong with the reason or the data is said at its field."""
    if not isinstance(refused, InvalidDecision):
        return {"error": str(refused)}
    said = [f"{one['field']}: {one['msg']}" for one in refused.errors if one["field"] == "outcome"]
    return {"error": " ".join([*said, *back["unplaced"]]) or _CORRECT}


def _page(
    request: HttpRequest,
    link: SignedLink,
    read: Token,
    more: dict[str, Any] | None = None,
    status: int = 200,
    ended: PromptView | None = None,
) -> HttpResponse:
    """The question as it stands now; `ended`: as it was read before, which nothing changes once it is over."""
    view = ended or queries.prompt_detail(link.prompt_id)
    pending = view.status == PromptStatus.PENDING
    closed = _closed(link, read, view) if pending else ""
    open_ = pending and not closed and not question.elsewhere(view)
    context = {
        **answering.context(view, may_answer=open_),
        **_question(view, pending=pending),
        "member": link.member,
        "closed": closed,
        "answered": _label(view, link.used_outcome),
        "open": open_,
        "error": "",
        "typed_reason": "",
        **(more or {}),
    }
    return render(request, PAGE, context, status=status)


def _question(view: PromptView, *, pending: bool) -> dict[str, Any]:
    """What is asked, as the mail says it, and how it stands."""
    offered = question.outcomes(view)
    return {
        "title": view.title,
        "sentence": question.sentence(view),
        "workflow": view.workflow,
        "rows": question.payload(view),
        "edits": view.type == PromptType.EDIT,
        "message_html": prose.html(view.message) if view.message else "",
        "by_agent": view.requester is not None and view.requester.kind == "agent",
        "consequences": consequences(view) if pending else [],
        "facts": question.around(view) if pending else [],
        "evidence": evidence(view.options),
        "files": question.files(view),
        "outcomes": offered,
        "reason_wanted": _reason_wanted(offered),
        "reasons": REASONS if any(one["value"] in NEGATIVE for one in offered) else (),
        "ending": question.ending(view),
        "ended_badly": view.status in (PromptStatus.EXPIRED, PromptStatus.CANCELLED),
        "url": question.address(view.id),
        "elsewhere": question.elsewhere(view),
    }


def _reason_wanted(offered: list[dict[str, Any]]) -> str:
    """For which of the answers a reason is needed, beside the field for it; empty when for all."""
    wordy = [one["label"] for one in offered if one["needs_reason"]]
    if len(wordy) == len(offered):
        return ""
    return f"needed for {' and '.join(f'“{label}”' for label in wordy)}" if wordy else "optional"


def _label(view: PromptView, value: str) -> str:
    return next((one["label"] for one in question.outcomes(view) if one["value"] == value), value)


def _closed(link: SignedLink, read: Token, view: PromptView) -> str:
    """Why nothing can be answered here, besides that the prompt is over."""
    if over := links.over(link, read):
        return str(over)
    if link.version != view.version:
        return "The question changed since this mail. Answer the newer mail, or sign in."
    refusal = actions.why_not(link.prompt_id, by=tenancy.actor_for(link.member))
    return str(refusal) if refusal and not isinstance(refusal, StepUpRequired) else ""
