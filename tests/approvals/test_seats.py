"""A quorum counts places, each once: however a place is passed on or stood in for, it is one voice."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from approvals import actions, queries
from approvals.models import Prompt
from approvals.states import InvalidDecision, NotNow
from flowapp.engine import clock
from flowapp.tenancy import absences
from flowapp.tenancy.models import Member
from tests import factories
from tests.approvals.making import ask, decide

ANA, CLEO, DEV, EVE = (f"user:{name}@example.com" for name in ("ana", "cleo", "dev", "eve"))


@dataclass
class Scene:
    """A prompt that wants two people."""

    prompt: Prompt
    cast: factories.Cast
    eve: Member | None = None

    def votes(self, name, outcome="approve"):
        decide(self.prompt, self.who(name), outcome)

    def gives(self, name, *to):
        actions.reassign(self.prompt.pk, to=to, by=factories.actor(self.who(name)), channel="web")

    def leaves(self, name, substitute):
        who, now = self.who(name), clock.now()
        until, by = now + timedelta(days=3), factories.actor(who)
        stand_in = self.who(substitute)
        absences.set_absence(member=who, substitute=stand_in, starts_at=now, ends_at=until, by=by, now=now)

    def who(self, name):
        return self.eve if name == "eve" else getattr(self.cast, name)

    @property
    def status(self):
        self.prompt.refresh_from_db()
        return self.prompt.status


def scene(cast, assign, **options):
    eve = factories.member("Eve")
    factories.group("board", cast.dev, eve)
    return Scene(ask(assign=assign, quorum=2, **options)[1], cast, eve)


type Story = Callable[[Scene], object]
ONE_VOICE: dict[str, tuple[list[str], list[Story]]] = {
    "who voted goes away, and the substitute votes for them": (
        [CLEO, ANA],
        [lambda it: it.votes("cleo"), lambda it: it.leaves("cleo", "dev"), lambda it: it.votes("dev")],
    ),
    "a place given to a group": (
        [CLEO, ANA],
        [lambda it: it.gives("cleo", "group:board"), lambda it: it.votes("dev"), lambda it: it.votes("eve")],
    ),
    "one of a group adds somebody, and both vote": (
        ["group:finance", ANA],
        [lambda it: it.gives("cleo", DEV), lambda it: it.votes("dev"), lambda it: it.votes("cleo")],
    ),
    "one of a group adds one after the other": (
        ["group:finance", ANA],
        [
            lambda it: it.gives("cleo", DEV),
            lambda it: it.gives("cleo", EVE),
            lambda it: it.votes("dev"),
            lambda it: it.votes("eve"),
        ],
    ),
    "a place that was given is given on": (
        ["group:finance", ANA],
        [
            lambda it: it.gives("cleo", DEV),
            lambda it: it.gives("dev", EVE),
            lambda it: it.votes("eve"),
            lambda it: it.votes("cleo"),
        ],
    ),
    "a substitute gives the place on, and the absent votes all the same": (
        [CLEO, ANA],
        [
            lambda it: it.leaves("cleo", "dev"),
            lambda it: it.gives("dev", EVE),
            lambda it: it.votes("eve"),
            lambda it: it.votes("cleo"),
        ],
    ),
    "a substitute of somebody to whom a place was given": (
        ["group:finance", ANA],
        [
            lambda it: it.gives("cleo", DEV),
            lambda it: it.leaves("dev", "eve"),
            lambda it: it.votes("eve"),
            lambda it: it.votes("cleo"),
        ],
    ),
}


@pytest.mark.parametrize("name", ONE_VOICE)
def test_a_place_is_one_voice(dispatcher, cast, name):
    assign, story = ONE_VOICE[name]
    it = scene(cast, assign)
    for happens in story:
        happens(it)
    assert it.status == "pending"
    it.votes("ana")
    assert it.status == "decided"


def test_side_by_side_each_line_has_its_places(dispatcher, cast):
    lines = [[{"assign": [CLEO, ANA], "quorum": 2}, {"assign": "role:manager"}]]
    _, prompt = ask(assign=(), stages=lines, reject_ends=False)
    it = Scene(prompt, cast)
    it.votes("cleo", "deny")
    it.leaves("cleo", "dev")
    it.votes("dev", "deny")
    it.votes("bo")
    assert it.status == "pending"


def test_side_by_side_an_answer_that_was_replaced_in_its_place_rejects_nothing(dispatcher, cast):
    eve, fay = factories.member("Eve"), factories.member("Fay")
    bo = "user:bo@example.com"
    lines = [[{"assign": [CLEO, bo, ANA], "quorum": 2}, {"assign": EVE}]]
    run, prompt = ask(assign=(), stages=lines, reject_ends=False)
    it = Scene(prompt, cast, eve)
    it.votes("cleo", "deny")
    now, by = clock.now(), factories.actor(cast.cleo)
    absences.set_absence(member=cast.cleo, substitute=fay, starts_at=now, ends_at=now + timedelta(3), by=by, now=now)
    decide(prompt, fay)
    it.votes("bo", "deny")
    it.votes("ana")
    it.votes("eve")
    assert (it.status, run.output["outcome"]) == ("decided", "approve")


def test_who_has_answered_gives_no_place_away(dispatcher, cast):
    it = scene(cast, [CLEO, ANA])
    it.votes("cleo")
    with pytest.raises(NotNow, match="Take your answer back first"):
        it.gives("cleo", DEV)
    actions.rescind(it.prompt.pk, by=factories.actor(cast.cleo), channel="web")
    it.gives("cleo", DEV)
    assert queries.prompt_detail(it.prompt.pk).assignees == [ANA, DEV]


def test_one_place_goes_to_one(dispatcher, cast):
    it = scene(cast, [CLEO, ANA])
    with pytest.raises(InvalidDecision, match="one place to give away"):
        it.gives("cleo", DEV, EVE)
    it.gives("bo", DEV, EVE)
    it.votes("dev")
    it.votes("eve")
    assert it.status == "decided"


def test_who_is_asked_themselves_keeps_their_own_place(dispatcher, cast):
    it = scene(cast, ["group:finance", ANA, DEV])
    it.gives("cleo", DEV)
    it.votes("dev")
    it.votes("cleo")
    assert it.status == "decided"
