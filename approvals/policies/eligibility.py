"""Who may decide a prompt, from facts alone (CONTRACT.md section 5; SECURITY 8 and 11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from approvals.states import NotEligible, Refused, Risk, StepUpRequired

SECOND_FACTOR_LASTS: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Absent:
    """Somebody who is away, for whom the candidate stands in, and the assign entries that mean them."""

    member_id: str
    email: str
    targets: frozenset[str]


@dataclass(frozen=True, slots=True)
class Candidate:
    """Who wants to decide. `targets` are the assign entries that mean them: their e-mail, groups, role, agent name.

    `confirmed`: they gave a second factor in this session, recently enough. `absent`: those they stand in for.
    """

    kind: str
    targets: frozenset[str]
    member_id: str = ""
    email: str = ""
    key_id: str = ""
    key_may_decide: bool = False
    confirmed: bool = False
    absent: tuple[Absent, ...] = ()
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Requester:
    """Who started the run. For an agent, `member_id` is its owner's; `behalf` whom it, or a substitute, acted for."""

    member_id: str = ""
    key_id: str = ""
    behalf: str = ""
    agent: str = ""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a prompt demands of those who decide it. `also`: who asked beside the requester, such as by a fork.

    `choosers`: who chose others to answer it beside themselves.
    """

    targets: frozenset[str]
    requester: Requester = field(default_factory=Requester)
    also: tuple[Requester, ...] = ()
    four_eyes: bool = False
    risk: str = Risk.LOW
    step_up: bool = False
    excluded: frozenset[str] = frozenset()
    choosers: frozenset[str] = frozenset()


def is_recent(second_factor_at: datetime | None, now: datetime) -> bool:
    """Whether a second factor given at that time still counts (SECURITY 9)."""
    return second_factor_at is not None and now - second_factor_at <= SECOND_FACTOR_LASTS


def refusal(candidate: Candidate, rules: Rules) -> Refused | None:
    """Why this candidate may not decide, or None when they may."""
    if not candidate.targets & rules.targets and not deputised(candidate, rules):
        return _unasked(candidate)
    return _person_refusal(candidate, rules) or _key_refusal(candidate, rules) or _unconfirmed(candidate, rules)


def deputised(candidate: Candidate, rules: Rules) -> Absent | None:
    """The absent person in whose place the candidate is asked; None when they are asked themselves, or not at all.

    Who may not decide it themselves lends nobody the right to.
    """
    if candidate.targets & rules.targets:
        return None
    asked = (absent for absent in candidate.absent if absent.targets & rules.targets)
    return next((absent for absent in asked if _person_refusal(_as(absent), rules) is None), None)


def seat(candidate: Candidate, asked: Mapping[str, str], rules: Rules) -> str:
    """In whose place the candidate answers, where `asked` holds the place that each entry was given, or "".

    Their own, when they are asked themselves; else the one that was given to them, or to whom they stand in for.
    """
    if (given := _given(candidate.targets, asked)) is not None:
        return given or candidate.member_id
    absent = deputised(candidate, rules)
    return candidate.member_id if absent is None else _given(absent.targets, asked) or absent.member_id


def _given(targets: frozenset[str], asked: Mapping[str, str]) -> str | None:
    """The place that was given to these; "" when one of them is asked in its own, None when none is asked."""
    places = [place for target, place in asked.items() if target in targets]
    return None if not places else "" if "" in places else places[0]


def _as(absent: Absent) -> Candidate:
    return Candidate("person", absent.targets, member_id=absent.member_id, email=absent.email)


def _unasked(candidate: Candidate) -> Refused:
    if candidate.kind == "key":
        return NotEligible("The workspace's own API key decides nothing; use the key of a person who is asked.")
    return NotEligible()


def _person_refusal(candidate: Candidate, rules: Rules) -> Refused | None:
    if candidate.member_id and candidate.member_id in rules.excluded:
        return NotEligible("You answered an earlier prompt of this run, and this one must be decided by somebody else.")
    if candidate.member_id and candidate.member_id in rules.choosers:
        return NotEligible("It wants several people and you chose who is asked, so they decide without you.")
    if rules.four_eyes and any(_is_requester(candidate, one) for one in (rules.requester, *rules.also)):
        return NotEligible("You asked for this yourself; four eyes are wanted, so somebody else must decide.")
    return None


def _key_refusal(candidate: Candidate, rules: Rules) -> Refused | None:
    if not candidate.key_id:
        return None
    if not candidate.key_may_decide:
        return NotEligible("This API key may not decide: it was not granted approvals:decide.")
    if candidate.key_id in {one.key_id for one in (rules.requester, *rules.also)}:
        return NotEligible("This API key started the run, so it cannot decide in it; somebody else must.")
    if candidate.agent and candidate.agent in {one.agent for one in (rules.requester, *rules.also)}:
        return NotEligible("This agent started the run, so it cannot decide in it by any key; somebody else must.")
    return StepUpRequired() if _wants_factor(rules) else None


def _unconfirmed(candidate: Candidate, rules: Rules) -> Refused | None:
    if not _wants_factor(rules) or candidate.confirmed:
        return None
    return StepUpRequired("This decision needs your second factor, given within the last 5 minutes.")


def _wants_factor(rules: Rules) -> bool:
    return rules.step_up or rules.risk == Risk.HIGH


def _is_requester(candidate: Candidate, requester: Requester) -> bool:
    own = {candidate.member_id, candidate.email.lower()} - {""}
    return bool(own & {requester.member_id, requester.behalf.lower()})
