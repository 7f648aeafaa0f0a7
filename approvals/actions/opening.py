"""Opening a prompt: the rows that the engine inserts in the transaction in which the run begins to wait."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import uuid5

from django.db.models import Model

from approvals.actions import announcing, capping, keys, reaching, reminders, ruling, shortage, telling
from approvals.models import Assignment, Attachment, Prompt, PromptWord, words
from approvals.policies import assignment, binding, escalation, ordering, summary
from approvals.policies.asking import Ask
from approvals.policies.assignment import Spec
from approvals.states import PromptStatus, Risk
from flowapp import audit
from flowapp.engine import clock, codec, runs, signals, timers, waits
from flowapp.engine.errors import NeedsAttention
from flowapp.engine.verbs.calls import WaitTicket
from flowapp.integrations import outbox
from flowapp.tenancy import calendars
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.business_time import NoWorkingTime
from flowapp.tenancy.scope import scoped

if TYPE_CHECKING:
    from flowapp.engine.models import Run, Wait

TIMER = "prompt.due"
_VOID: Final = "It was answered before. Question or answer changed since then, so that answer does not count."


def rows(ticket: WaitTicket, ask: Ask) -> list[Model]:
    """The prompt, its assignments, timer and audit entry, unsaved. Raises NeedsAttention naming whom it cannot find."""
    lines, *_ = [[_resolve(ask.name, line.assign) for line in stage.beside] for stage in ask.stages]
    asked = tuple(dict.fromkeys(spec for line in lines for spec in line))
    chain = [(after, _resolve(ask.name, to)) for after, to in ask.chain]
    prompt = _prompt(ticket, ask, asked, chain)
    ruled = ruling.rule(prompt)
    made: list[Model] = [prompt, *assignments(prompt, lines), _opened(ticket, prompt, asked), *ruled]
    made += _found_by(prompt)
    made += _attached(prompt, ask)
    if ruled:
        return made
    made += telling.opened(prompt)
    made += reminders.timer(prompt)
    if prompt.due_at:
        made.append(timers.timer(TIMER, str(prompt.pk), prompt.due_at, {}, workspace_id=ticket.workspace_id))
    return made


@waits.on_opened("prompt")
def on_opened(run: Run, wait: Wait) -> None:
    """Let the run say which prompt it waits for, or go on with the answer that a rule gave; tell the inboxes."""
    key = f"{wait.name}#{wait.occurrence}"
    anew = wait.detail.get("anew", 0)
    prompt_id = WaitTicket(run.id, run.workspace_id, run.fence, key, run.workflow, None, anew).row_id("prompt")
    wait.detail["prompt_id"] = str(prompt_id)
    wait.save(update_fields=["detail"])
    with scoped(run.workspace_id):
        ruled = ruling.answer(prompt_id)
        if ruled is None:
            capping.check(prompt_id)
    if ruled is not None:
        runs.answer_at_once(wait, ruled)
    announcing.opened(run.workspace_id, prompt_id)
    signals.tell(run.workspace_id, "inbox", str(prompt_id))
    outbox.kick()


def assignments(prompt: Prompt, lines: Sequence[Iterable[Spec]]) -> list[Assignment]:
    """The rows that put a prompt to these at its current stage and level, on each of the lines side by side."""
    return [row for number, asked in enumerate(lines, start=1) for row in on_line(prompt, number, asked)]


def on_line(prompt: Prompt, number: int, asked: Iterable[Spec], *, seat: str = "") -> list[Assignment]:
    """The same, of one line; in a place that somebody gave them, or in their own."""
    return [
        Assignment(
            id=uuid5(prompt.pk, f"{prompt.stage}.{number}:{spec.target}"),
            workspace_id=prompt.workspace_id,
            prompt=prompt,
            kind=spec.kind,
            value=spec.name,
            target=spec.target,
            stage=prompt.stage,
            line=number,
            seat=seat,
            level=prompt.level,
            active=prompt.status == PromptStatus.PENDING,
            closed_at=prompt.closed_at,
            **ordered_as(prompt),
        )
        for spec in asked
    ]


def put_in_line(prompt: Prompt) -> None:
    """Set when something happens to it by itself, and its place in each of the inbox's orders, as it now stands."""
    turn = escalation.plan_of(prompt).next(level=prompt.level, since=prompt.asked_at)
    prompt.due_at = turn[0] if turn else None
    places = ordering.places(
        escalated=prompt.level > 0,
        risk=prompt.risk,
        due_at=prompt.due_at,
        created_at=prompt.created_at,
        amount=prompt.amount,
        id=prompt.pk.hex,
    )
    for key, place in places.items():
        setattr(prompt, key, place)


def ordered_as(prompt: Prompt) -> dict[str, str]:
    """Its place in each order, for the rows that carry it too."""
    return {key: getattr(prompt, key) for key in ordering.KEYS}


def is_pooled(asked: Iterable[Spec]) -> bool:
    """Whether these name nobody in particular."""
    return not any(spec.kind in ("user", "agent") for spec in asked)


def _opened(ticket: WaitTicket, prompt: Prompt, asked: Sequence[Spec]) -> Model:
    after: dict[str, Any] = {"run": str(ticket.run_id), "title": prompt.title, "assign": [str(spec) for spec in asked]}
    after |= {key: prompt.options[key] for key in ("notes", "warnings") if prompt.options.get(key)}
    return audit.entry(
        by=ticket.requester or SYSTEM,
        verb="prompt.opened",
        target=f"prompt:{prompt.pk}",
        after=after,
        channel="run",
    )


def _prompt(
    ticket: WaitTicket, ask: Ask, asked: Sequence[Spec], chain: Sequence[tuple[timedelta, Sequence[Spec]]]
) -> Prompt:
    now = clock.now()
    question = ask.question()
    before = Prompt.objects.filter(run_id=ticket.run_id, step_key=ticket.key).values_list("status", flat=True)
    options: dict[str, Any] = {**ask.options, "stages": [stage.as_json() for stage in ask.stages]}
    if chain:
        options["escalate"] = [[after.total_seconds(), [str(spec) for spec in to]] for after, to in chain]
    if name := ask.options.get("calendar"):
        options["calendar"] = _calendar(ask.name, name)
    prompt = Prompt(
        id=ticket.row_id("prompt"),
        workspace_id=ticket.workspace_id,
        run_id=ticket.run_id,
        step_key=ticket.key,
        workflow=ticket.workflow,
        name=ask.name,
        type=ask.type,
        title=ask.title,
        message=ask.message,
        payload=codec.pack(binding.canonical(ask.data)),
        payload_digest=keys.digest(ticket.workspace_id, ticket.run_id, ticket.key, question),
        amount=summary.amount(ask.data),
        outcomes=list(ask.outcomes),
        form_schema=ask.schema,
        options=options,
        requester=ticket.requester.as_json() if ticket.requester else None,
        risk=ask.risk,
        stages=len(ask.stages),
        version=1 + len(before),
        pooled=is_pooled(asked),
        created_at=now,
        updated_at=now,
        opened_at=now,
        asked_at=now,
        timeout_s=None if ask.timeout is None else ask.timeout.total_seconds(),
        on_timeout=ask.on_timeout,
    )
    if PromptStatus.DECIDED in before:
        options["notes"] = [_VOID]
    shortage.note_at_opening(prompt)
    prompt.search_text = _words(prompt)
    try:
        put_in_line(prompt)
    except NoWorkingTime as error:
        raise NeedsAttention(f"prompt {ask.name!r}: {error}") from None
    return prompt


def _calendar(prompt: str, name: str) -> dict[str, Any]:
    """The calendar as it is now: what admins change later is for prompts that are opened later."""
    kept = calendars.named(str(name))
    if kept is None:
        raise NeedsAttention(
            f"prompt {prompt!r} counts its times in the calendar {name!r}, which does not exist here; "
            "create it, or correct `calendar`, then retry the run"
        )
    return kept


def _found_by(prompt: Prompt) -> list[Model]:
    """The rows of its words; what is in its payload or message is not searched, since lists do not show it."""
    return [
        PromptWord(workspace_id=prompt.workspace_id, prompt=prompt, word=word.encode())
        for word in prompt.search_text.split()
    ]


def _attached(prompt: Prompt, ask: Ask) -> list[Model]:
    return [
        Attachment(
            id=uuid5(prompt.pk, f"attachment:{file.name}"),
            workspace_id=prompt.workspace_id,
            prompt=prompt,
            name=file.name,
            content_type=file.content_type,
            digest=file.digest,
            content=file.content,
        )
        for file in ask.files
    ]


def _words(prompt: Prompt) -> str:
    risk = f"{prompt.risk} risk" if prompt.risk != Risk.LOW else ""
    asker = (prompt.requester or {}).get("label", "")
    found = words.of(prompt.title, prompt.workflow, prompt.name, asker, prompt.amount, risk)
    return words.line(found[: words.MOST])


def _resolve(name: str, assign: Sequence[str]) -> tuple[Spec, ...]:
    """Whom the entries name. Raises NeedsAttention when an entry, or all roles together, mean nobody."""
    try:
        asked = assignment.parse(assign)
    except assignment.BadAssign as error:
        raise NeedsAttention(f"prompt {name!r}: {error}") from None
    nobody = reaching.missing(asked)
    if not nobody:
        return asked
    if all(spec.kind == "role" for spec in asked):
        raise NeedsAttention(
            f"prompt {name!r} is put to {', '.join(map(str, asked))}, but nobody has that role; "
            "give it to a member, or correct `assign`, then retry the run"
        )
    raise NeedsAttention(
        f"prompt {name!r} is put to {', '.join(map(str, nobody))}, which does not exist here or has no members; "
        "create it, or correct `assign`, then retry the run"
    )
