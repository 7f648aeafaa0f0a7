"""Whether those asked can settle a stage: by too few of them, or by answers that differ, it would wait for ever."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum

from approvals.actions import eligibility, seats
from approvals.actions.eligibility import Judge
from approvals.actions.telling import News, tell
from approvals.models import Assignment, Prompt
from approvals.policies import ballot
from approvals.states import Stage, StepUpRequired
from flowapp import audit
from flowapp.engine import clock
from flowapp.tenancy import absences, agents
from flowapp.tenancy import queries as tenancy
from flowapp.tenancy.actors import SYSTEM


class _Kind(StrEnum):
    """What keeps a line from being settled; its words hold numbers and dates besides, which change."""

    FEW = "few"
    SPLIT = "split"
    AWAY = "away"


@dataclass(frozen=True, slots=True)
class _Trouble:
    """What keeps a line of a stage from being settled. `place` is of its kind and line, whatever it says."""

    place: str
    says: str


def look_again(prompt: Prompt) -> bool:
    """Note on the prompt, for the caller to save, what keeps it from being settled now; whether that has changed.

    What was not known before is logged, and told to whoever can put it to others.
    """
    before, known = prompt.options.get("warnings", []), set(prompt.options.get("troubles", ()))
    found = _troubles(prompt, opening=False)
    _note(prompt, found)
    now = prompt.options["warnings"]
    if {one.place for one in found} - known:
        audit.record(by=SYSTEM, verb="prompt.warned", target=f"prompt:{prompt.pk}", after={"warnings": now})
        tell(prompt, News.STUCK)
    elif now != before:
        tell(prompt, News.EASED)
    return bool(now != before)


def note_at_opening(prompt: Prompt) -> None:
    """Note it on an unsaved prompt; each assign was just found to name somebody."""
    if found := _troubles(prompt, opening=True):
        _note(prompt, found)


def _note(prompt: Prompt, found: Sequence[_Trouble]) -> None:
    kept = {"warnings": [one.says for one in found], "troubles": [one.place for one in found]}
    prompt.options = {**prompt.options, **kept}


def _troubles(prompt: Prompt, *, opening: bool) -> list[_Trouble]:
    """What keeps this stage, or a later one, from ever being settled by those asked, as the workspace is now."""
    judge = eligibility.judge(prompt)
    found: list[_Trouble] = []
    for number in range(prompt.stage, prompt.stages + 1):
        for beside, line in enumerate(prompt.stage_at(number).beside, start=1):
            if trouble := _trouble(prompt, judge, number, beside, line, opening=opening):
                kind, says = trouble
                words = f"Stage {number}: {says}" if prompt.stages > 1 else says
                found.append(_Trouble(f"{number}.{beside}:{kind}", words))
    return found


def _trouble(
    prompt: Prompt, judge: Judge, number: int, beside: int, line: Stage, *, opening: bool
) -> tuple[_Kind, str] | None:
    barred = prompt.options.get("four_eyes") or prompt.options.get("excluded")
    if opening and line.quorum == 1 and not barred and _names_people(line.assign):
        return None
    begun = number == prompt.stage and not opening
    asked = _asked(prompt, beside) if begun else []
    entries = [str(one) for one in asked] or line.assign
    able = _able(judge, line, asked)
    given = seats.by_answer(prompt, beside) if begun else {}
    if few := _too_few(able, given, line.quorum):
        why = _why_no_agent(judge, entries)
        more = "Ask somebody else" if line.quorum == 1 else "Ask more people, or lower the quorum"
        return _Kind.FEW, f"{few}{f': {why}' if why else ''}. {more}."
    if split := _split(able, given, line.quorum):
        return _Kind.SPLIT, split
    away = _away(judge, able, entries)
    return (_Kind.AWAY, away) if away else None


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


def _why_no_agent(judge: Judge, entries: Iterable[str]) -> str:
    """What keeps each agent that is asked from answering, as one reads it behind a colon."""
    names = [entry.partition(":")[2].strip() for entry in entries if entry.startswith("agent:")]
    return "; ".join(filter(None, (_why_not(judge, name) for name in names)))


def _why_not(judge: Judge, name: str) -> str:
    agent = agents.named(name)
    if agent is None:
        return f"there is no agent {name} any more"
    refusal = judge.agent(agent)
    if refusal is None:
        return ""
    if isinstance(refusal, StepUpRequired):
        return f"the agent {name} cannot give the second factor it wants"
    if not agents.has_key_that_decides(agent):
        return f"the agent {name} has no key that may decide"
    return f"the agent {name} may not, because of who asked for it or answered before"


def _away(judge: Judge, able: Collection[str], entries: Iterable[str]) -> str:
    """Whether it has to wait until somebody is back: all who may answer are away, and nobody who stands in may."""
    if any(entry.startswith("agent:") for entry in entries):
        return ""
    now = clock.now()
    people = {member.user.email: member.pk for member in tenancy.members().filter(pk__in=able)}
    absent = absences.away_among(people, now)
    if not people or {one.member.user.email for one in absent} != set(people):
        return ""
    if any(judge.may_count(member) for member in absences.reached_through(people.values(), now)):
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


def _able(judge: Judge, line: Stage, asked: Collection[Assignment]) -> set[str]:
    """The places from which an answer may come: those of the people asked, and those that were given to others."""
    own = _people(judge, [str(one) for one in asked if not one.seat] if asked else line.assign)
    given = {one.seat for one in asked if one.seat}
    return own | {seat for seat in given if _people(judge, [str(one) for one in asked if one.seat == seat]) - own}


def _people(judge: Judge, entries: Iterable[str]) -> set[str]:
    """The places of those asked who may answer: an agent sits in its owner's."""
    asked = list(entries)
    named = [entry for entry in asked if not entry.startswith("agent:")]
    found = (agents.named(entry.removeprefix("agent:")) for entry in asked if entry.startswith("agent:"))
    able = {str(agent.owner_id) for agent in found if agent is not None and judge.agent(agent) is None}
    members = tenancy.members_matching(*named) if named else ()
    return able | {str(member.pk) for member in members if judge.may_count(member)}
