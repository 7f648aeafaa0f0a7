"""Whether those asked can settle a stage: by too few of them, or by answers that differ, it would wait for ever."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from approvals.actions import eligibility, seats
from approvals.models import Assignment, Prompt
from approvals.policies import ballot
from approvals.states import Stage
from flowapp.tenancy import agents
from flowapp.tenancy import queries as tenancy


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
    if opening and line.quorum == 1 and not barred:
        return ""
    begun = number == prompt.stage and not opening
    able = _able(prompt, line, _asked(prompt, beside) if begun else [])
    given = seats.by_answer(prompt, beside) if begun else {}
    return _too_few(able, given, line.quorum) or _split(able, given, line.quorum)


def _too_few(able: Collection[str], given: Mapping[ballot.Answer, set[str]], quorum: int) -> str:
    """Too few may answer; what somebody answered who is not asked any more stands, though."""
    most = max((len(places.union(able)) for places in given.values()), default=len(able))
    if most >= quorum:
        return ""
    standing = most - len(able)
    wanted = "1 person" if quorum == 1 else f"{quorum} people"
    beside = f" beside {standing} who answered before" if standing else ""
    few = f"{wanted} must answer, but only {len(able)} of those asked may{beside}."
    return f"{few} Ask more people, or lower the quorum."


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
    """The places of those asked: an agent sits in its owner's."""
    asked = list(entries)
    named = [entry for entry in asked if not entry.startswith("agent:")]
    found = (agents.named(entry.removeprefix("agent:")) for entry in asked if entry.startswith("agent:"))
    members = [*(tenancy.members_matching(*named) if named else ()), *(agent.owner for agent in found if agent)]
    return {str(member.pk) for member in members if eligibility.may_count(prompt, member)}
