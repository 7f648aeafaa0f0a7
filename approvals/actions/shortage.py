"""Whether those asked can settle a stage: by too few of them, or by answers that differ, it would wait for ever."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC

from approvals.actions import eligibility, seats
from approvals.actions.telling import News, tell
from approvals.models import Assignment, Prompt
from approvals.policies import ballot
from approvals.states import Stage, StepUpRequired
from flowapp import audit
from flowapp.engine import clock
from flowapp.tenancy import absences, agents
from flowapp.tenancy import queries as tenancy
from flowapp.tenancy.actors import SYSTEM


def look_again(prompt: Prompt) -> bool:
    """Note on the prompt, for the caller to save, what keeps it from being settled now; whether that has changed.

    What was not known before is logged, and told to whoever can put it to others.
    """
    before, found = prompt.options.get("warnings", []), warnings(prompt)
    prompt.options = {**prompt.options, "warnings": found}
    if set(found) - set(before):
        audit.record(by=SYSTEM, verb="prompt.warned", target=f"prompt:{prompt.pk}", after={"warnings": found})
        tell(prompt, News.STUCK)
    return bool(found != before)


def warnings(prompt: Prompt, *, opening: bool = False) -> list[str]:
    """What keeps this stage, or a later one, from ever being settled by those asked, as the workspace is now.

    While it is being `opening`, each assign was just found to name somebody.
    """
    numbers = range(prompt.stage, prompt.stages + 1)
    lines = [(number, *one) for number in numbers for one in enumerate(prompt.stage_at(number).beside, start=1)]
    found = ((number, _warning(prompt, number, beside, line, opening=opening)) for number, beside, line in lines)
    several = prompt.stages > 1
    return [f"Stage {number}: {warning}" if several else warning for number, warning in found if warning]


def _warning(prompt: Prompt, number: int, beside: int, line: Stage, *, opening: bool) -> str:
    barred = prompt.options.get("four_eyes") or prompt.options.get("excluded")
    if opening and line.quorum == 1 and not barred and _names_people(line.assign):
        return ""
    begun = number == prompt.stage and not opening
    asked = _asked(prompt, beside) if begun else []
    able = _able(prompt, line, asked)
    given = seats.by_answer(prompt, beside) if begun else {}
    few = _too_few(able, given, line.quorum)
    if few:
        why = _why_no_agent(prompt, [str(one) for one in asked] or line.assign)
        more = "Ask somebody else" if line.quorum == 1 else "Ask more people, or lower the quorum"
        return f"{few}{f': {why}' if why else ''}. {more}."
    return _split(able, given, line.quorum) or _away(prompt, able, [str(one) for one in asked] or line.assign)


def _names_people(assign: Iterable[str]) -> bool:
    """Whether people are among those who were found: of roles alone one is enough, beside an agent none has to be."""
    kinds = {entry.partition(":")[0].strip() for entry in assign}
    return "agent" not in kinds or bool(kinds & {"user", "group"})


def _too_few(able: Collection[str], given: Mapping[ballot.Answer, set[str]], quorum: int) -> str:
    """Too few may answer; what somebody answered who is not asked any more stands, though."""
    most = max((len(places.union(able)) for places in given.values()), default=len(able))
    if most >= quorum:
        return ""
    standing = most - len(able)
    beside = f" beside {standing} who answered before" if standing else ""
    if quorum == 1:
        return "Nobody who is asked may answer it"
    return f"{quorum} people must answer, but only {len(able)} of those asked may{beside}"


def _why_no_agent(prompt: Prompt, entries: Iterable[str]) -> str:
    """What keeps each agent that is asked from answering, as one reads it behind a colon."""
    names = [entry.partition(":")[2].strip() for entry in entries if entry.startswith("agent:")]
    return "; ".join(filter(None, (_why_not(prompt, name) for name in names)))


def _why_not(prompt: Prompt, name: str) -> str:
    agent = agents.named(name)
    if agent is None:
        return f"there is no agent {name} any more"
    refusal = eligibility.barred_agent(prompt, agent)
    if refusal is None:
        return ""
    if isinstance(refusal, StepUpRequired):
        return f"the agent {name} cannot give the second factor it wants"
    if not agents.has_key_that_decides(agent):
        return f"the agent {name} has no key that may decide"
    return f"the agent {name} may not, because of who asked for it or answered before"


def _away(prompt: Prompt, able: Collection[str], entries: Iterable[str]) -> str:
    """Whether it has to wait until somebody is back: all who may answer are away, and nobody who stands in may."""
    if any(entry.startswith("agent:") for entry in entries):
        return ""
    now = clock.now()
    people = {member.user.email: member.pk for member in tenancy.members().filter(pk__in=able)}
    absent = absences.away_among(people, now)
    if not people or {one.member.user.email for one in absent} != set(people):
        return ""
    if any(eligibility.may_count(prompt, member) for member in absences.reached_through(people.values(), now)):
        return ""
    back = min(one.ends_at for one in absent)
    return (
        f"Everybody who may answer it is away until {back.astimezone(UTC):%d %B %Y, %H:%M} UTC, "
        "and nobody who stands in for them may. Ask somebody else."
    )


def _split(able: set[str], given: Mapping[ballot.Answer, set[str]], quorum: int) -> str:
    undecided = able.difference(*given.values())
    if not given or max(len(places | undecided) for places in given.values()) >= quorum:
        return ""
    return (
        f"The answers differ, so none can reach {quorum} people unless somebody changes theirs, "
        "or more people are asked."
    )


def _asked(prompt: Prompt, beside: int) -> list[Assignment]:
    return list(Assignment.objects.filter(prompt=prompt, stage=prompt.stage, line=beside, active=True))


def _able(prompt: Prompt, line: Stage, asked: Collection[Assignment]) -> set[str]:
    """The places from which an answer may come: those of the people asked, and those that were given to others."""
    own = _people(prompt, [str(one) for one in asked if not one.seat] if asked else line.assign)
    given = {one.seat for one in asked if one.seat}
    return own | {seat for seat in given if _people(prompt, [str(one) for one in asked if one.seat == seat]) - own}


def _people(prompt: Prompt, entries: Iterable[str]) -> set[str]:
    """The places of those asked who may answer: an agent sits in its owner's."""
    asked = list(entries)
    named = [entry for entry in asked if not entry.startswith("agent:")]
    found = (agents.named(entry.removeprefix("agent:")) for entry in asked if entry.startswith("agent:"))
    able = {
        str(agent.owner_id) for agent in found if agent is not None and eligibility.barred_agent(prompt, agent) is None
    }
    members = tenancy.members_matching(*named) if named else ()
    return able | {str(member.pk) for member in members if eligibility.may_count(prompt, member)}
