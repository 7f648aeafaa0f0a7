"""Putting an open prompt to others: a manager, admin or owner replaces whom it asks, an assignee passes it on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import transaction

from approvals.actions import eligibility, lines, locking, opening, reaching, reminders, seats, shortage, voting
from approvals.actions.telling import News, tell
from approvals.models import Assignment, Prompt
from approvals.policies import assignment
from approvals.policies.assignment import Spec
from approvals.states import InvalidDecision, NotEligible, NotNow, Stage, StepUpRequired
from flowapp import audit
from flowapp.engine import clock, signals
from flowapp.tenancy.actors import Actor

_CHANGED = ("options", "pooled", "claimed_by", "claimed_until", "updated_at")


@transaction.atomic
def reassign(prompt_id: UUID, *, to: Sequence[str], by: Actor, reason: str = "", channel: str) -> None:
    """Put the present stage to others. What is asked stays the same, and so does the prompt's version.

    An assignee gives their own place to one of them; where they were asked as one of a group or role, that stays
    asked, and theirs is one voice with that of whom they added. Whoever could not decide it themselves cannot put it to
    themselves; of a prompt that wants several people, a manager who chose them is none. Raises NotEligible,
    InvalidDecision; NotNow for whoever has answered it already.
    """
    prompt = locking.pending(prompt_id)
    new = _parsed(to)
    manages = eligibility.manages(by)
    _allow(prompt, new, by=by, manages=manages)
    if manages:
        _choose_nobody_beside_oneself(prompt, new, by)
    else:
        _give_one_place(prompt, new, by)
    before = _asked(prompt)
    leaving = [one for one in before if manages or one.target == f"user:{by.id.lower()}"]
    places = {number: "" if manages else seats.seat_of(prompt, by, number) for number in _lines(prompt, leaving, by)}
    Assignment.objects.filter(pk__in=[one.pk for one in leaving]).delete()
    Assignment.objects.bulk_create(
        [row for number, seat in places.items() for row in opening.on_line(prompt, number, new, seat=seat)],
        ignore_conflicts=True,
    )
    after = _asked(prompt)
    _settle(prompt, after)
    audit.record(
        by=by,
        verb="prompt.reassigned" if manages else "prompt.delegated",
        target=f"prompt:{prompt.pk}",
        before={"assign": [str(one) for one in before]},
        after={"assign": [str(one) for one in after]},
        reason=reason.strip(),
        channel=channel,
    )


def _parsed(to: Sequence[str]) -> tuple[Spec, ...]:
    try:
        new = assignment.parse(to)
    except assignment.BadAssign as error:
        raise InvalidDecision([{"field": "assign", "msg": str(error)}]) from None
    if missing := reaching.missing(new):
        nobody = ", ".join(map(str, missing))
        raise InvalidDecision([{"field": "assign", "msg": f"{nobody} does not exist here, or means nobody"}])
    return new


def _allow(prompt: Prompt, new: Sequence[Spec], *, by: Actor, manages: bool) -> None:
    barred = eligibility.barred(prompt, by=by)
    asked = barred is None or isinstance(barred, StepUpRequired)
    if not asked and not manages:
        raise NotEligible("Only those asked, or a manager, admin or owner, can put it to somebody else.")
    if not asked and (refusal := eligibility.barred_if_asked(prompt, by=by)):
        raise refusal
    if not asked and {spec.target for spec in new} & eligibility.within_reach(by):
        raise NotEligible("It was not put to you, so you cannot put it to yourself; somebody else can.")


def _choose_nobody_beside_oneself(prompt: Prompt, new: Sequence[Spec], by: Actor) -> None:
    """Where several have to agree, nobody picks who agrees with them: they answer, or they choose, in all its stages.

    Whoever answered through an agent or a substitute has answered as well.
    """
    if not prompt.wants_several:
        return
    me = str(by.member_id)
    given = [one for one in seats.standing(prompt) if me in (one.place, eligibility.person_behind(one.actor or {}))]
    if given:
        open_ = any(one.stage == prompt.stage for one in given)
        back = "Take your answer back first, or let another" if open_ else "Let another"
        raise NotNow(
            f"You have answered it, so whom else to ask is not yours to say. {back} manager, admin or owner "
            "put it to others."
        )
    if {spec.target for spec in new if spec.kind in ("user", "agent")} & eligibility.within_reach(by):
        msg = "it wants several people, and whoever chooses them is none of them: leave yourself and your agents out"
        raise InvalidDecision([{"field": "assign", "msg": msg}])
    choosers = {*prompt.options.get("choosers", ()), me}
    prompt.options = {**prompt.options, "choosers": sorted(choosers)}


def _give_one_place(prompt: Prompt, new: Sequence[Spec], by: Actor) -> None:
    """An assignee has one voice to give, unless it was heard."""
    if len(new) > 1:
        raise InvalidDecision(
            [{"field": "assign", "msg": "you have one place to give away: name one person, group or role"}]
        )
    open_ = lines.still_open(prompt)
    if any(one.stage == prompt.stage and one.line in open_ for one in voting.answers_of(prompt, by)):
        raise NotNow("You have answered it. Take your answer back first, then put it to somebody else.")


def _asked(prompt: Prompt) -> list[Assignment]:
    return list(Assignment.objects.filter(prompt=prompt, active=True).order_by("level", "kind", "value"))


def _lines(prompt: Prompt, leaving: Sequence[Assignment], by: Actor) -> Iterable[int]:
    """On which lines they are asked instead: those that were left, else those on which `by` is asked."""
    return sorted({one.line for one in leaving}) or lines.asked_on(prompt, by)


def _with(stage: Stage, asked: Sequence[Assignment]) -> Stage:
    """The stage, asking these."""

    on = [[str(one) for one in asked if one.line == number] for number, _ in enumerate(stage.beside, start=1)]
    # A line that has passed asks nobody any more, and keeps whom it asked.
    return stage.asking([now or line.assign for now, line in zip(on, stage.beside, strict=True)])


def _settle(prompt: Prompt, asked: Sequence[Assignment]) -> None:
    """What follows from others being asked: is somebody in particular, are they enough, nobody has claimed it yet."""
    stages = [dict(stage) for stage in prompt.options.get("stages", ())]
    if stages:
        stages[prompt.stage - 1] = _with(prompt.stage_at(), asked).as_json()
    prompt.options = {**prompt.options, "stages": stages}
    shortage.look_again(prompt)
    prompt.pooled = not any(one.kind in ("user", "agent") for one in asked)
    prompt.claimed_by = prompt.claimed_until = None
    prompt.updated_at = clock.now()
    prompt.save(update_fields=_CHANGED)
    reminders.begin_anew(prompt)
    signals.tell(prompt.workspace_id, "inbox", str(prompt.pk))
    tell(prompt, News.ASKED)
