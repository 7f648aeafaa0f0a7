"""The torture's oracles on made-up evidence: those that no control takes to task, and what they must let pass."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest

from flowapp.engine import codec
from flowapp.engine.models import Run
from tests.process.ledger import Effect
from tests.torture import moments, recovery
from tests.torture.attempts import Attempts
from tests.torture.cluster import Harm
from tests.torture.figures import Figures
from tests.torture.harms import Harms, Registered
from tests.torture.oracles import ORACLES
from tests.torture.recovery import Recoveries
from tests.torture.started import Started
from tests.torture.terms import BLIND, BROKEN, HELD, INVALID
from tests.torture.verdict import Verdict
from tests.torture.witness import Fired, Stored, Turn

RUN = uuid4()
STEP, ATOMIC, ONCE = f"{RUN}:act:1", f"{RUN}:insert:1", f"{RUN}:once:1"
W1, W2, W3, W4 = (uuid4() for _ in range(4))
WORKERS = [Registered(id_, pid, 0.0, 100.0) for pid, id_ in enumerate((W1, W2, W3, W4), start=1)]


def begin(key: str, pid: int, at: float, attempt: int = 1) -> Effect:
    return Effect(key, {"attempt": attempt}, pid, True, at, repeat=False, conflict=False)


def harms(*done: Harm, ledger: Any = (), workers: Any = WORKERS) -> Harms:
    return Harms(done, ledger, workers)


KILL = Harm("kill", 1, 5.0, 5.01)
SLEEP = Harm("zombie", 1, 5.0, 9.0)
OUTAGE = Harm("database restart", 0, 5.0, 6.0)
SUICIDE = begin(f"{RUN}:kill_my_worker:1", 1, 5.0)


@pytest.mark.parametrize(
    ("begins", "done", "found"),
    [
        pytest.param([begin(STEP, 1, 4), begin(STEP, 2, 7)], [KILL], 0, id="cut off by a kill"),
        pytest.param([begin(STEP, 1, 4), begin(STEP, 2, 7)], [SLEEP], 0, id="cut off by a stop"),
        pytest.param([begin(STEP, 1, 4), begin(STEP, 2, 7), SUICIDE], [], 0, id="cut off by a run that kills"),
        pytest.param([begin(STEP, 1, 4), begin(STEP, 2, 7)], [], 1, id="nothing was done"),
        pytest.param([begin(STEP, 3, 4), begin(STEP, 2, 7)], [KILL], 1, id="done to another process"),
        pytest.param([begin(STEP, 1, 1), begin(STEP, 2, 4)], [KILL], 1, id="done afterwards"),
        pytest.param([begin(STEP, 1, 4), begin(STEP, 2, 7), begin(STEP, 3, 8)], [KILL], 1, id="once too often"),
        pytest.param([begin(STEP, 1, 4), begin(STEP, 1, 5.05), begin(STEP, 2, 7)], [KILL], 1, id="twice for one harm"),
        pytest.param(
            [begin(STEP, 1, 4), begin(STEP, 2, 7), begin(STEP, 1, 12), begin(STEP, 2, 19)],
            [SLEEP, Harm("kill", 2, 8, 8), Harm("zombie", 1, 14, 18)],
            0,
            id="a harm for each",
        ),
        pytest.param([begin(STEP, 1, 4), begin(STEP, 2, 7)], [OUTAGE], 1, id="an outage alone is no reason"),
        pytest.param([begin(ATOMIC, 1, 4), begin(ATOMIC, 1, 7)], [OUTAGE], 0, id="rolled back by an outage"),
        pytest.param([begin(ATOMIC, 1, 4), begin(ATOMIC, 2, 7)], [OUTAGE], 1, id="rolled back, and elsewhere"),
        pytest.param([begin(STEP, 1, 4), begin(STEP, 1, 7, 2)], [], 0, id="the next attempt"),
        pytest.param([begin(STEP, 1, 4, 2), begin(STEP, 2, 7, 1)], [KILL], 1, id="the count was lost"),
        pytest.param([begin(STEP, 2, 7), begin(STEP, 1, 9.1)], [SLEEP], 0, id="a zombie does not know yet"),
        pytest.param([begin(STEP, 2, 7), begin(STEP, 1, 11)], [SLEEP], 1, id="but has to notice"),
        pytest.param([begin(ONCE, 1, 4), begin(ONCE, 2, 7)], [KILL], 1, id="at most once, whatever was done"),
    ],
)
def test_only_what_was_in_flight_in_a_harmed_process_begins_again(
    begins: list[Effect], done: list[Harm], found: int
) -> None:
    attempts = Attempts(begins, harms(*done, ledger=begins), [])
    assert bool(list(attempts.unexplained())) == bool(found)


@pytest.mark.parametrize(
    ("begins", "done", "found"),
    [
        pytest.param([begin(STEP, 1, 4), begin(STEP, 2, 7)], [KILL], 1, id="after it was stored"),
        pytest.param([begin(STEP, 1, 4)], [], 0, id="before"),
        pytest.param([begin(STEP, 2, 4), begin(STEP, 1, 9.1)], [SLEEP], 0, id="by one who was stopped then"),
    ],
)
def test_a_stored_step_does_not_begin_again(begins: list[Effect], done: list[Harm], found: int) -> None:
    attempts = Attempts(begins, harms(*done, ledger=begins), [Stored(RUN, STEP, 1, 1, 4.5)])
    assert len(list(attempts.after_checkpoint())) == found


def test_a_lease_that_ran_out_is_a_harm_until_its_process_registers_again() -> None:
    lives = [Registered(W1, 1, 0.0, 6.0), Registered(W2, 1, 8.0, 100.0)]
    begins = [begin(STEP, 1, 4), begin(STEP, 2, 7)]
    known = harms(ledger=begins, workers=lives)
    assert not list(Attempts(begins, known, []).unexplained())
    assert len(known.unprovoked()) == 1
    assert not harms(OUTAGE, workers=lives).unprovoked()


def ends(status: str, *told: Effect, done: Any = (), stored: Any = (), turns: Any = ()) -> list[str]:
    """What is said of an at-most-once run that ended so."""
    error = None if status == "completed" else {"message": "step 'once' was cut off and may run at most once"}
    run = Run(id=RUN, workflow="at-most-once", status=status, error=error, output=codec.encode(6))
    known = harms(*done, ledger=told)
    evidence: Any = SimpleNamespace(
        started=[Started("at-most-once", 3, 1, RUN)],
        runs={RUN: run},
        harms=known,
        attempts=Attempts(told, known, stored),
        seen=SimpleNamespace(turns={RUN: list(turns)}),
    )
    return list(ORACLES["wrong ends"](evidence))


PUT_ASIDE = "needs_attention"
ASIDE = Turn(RUN, 9.0, 2, "running", PUT_ASIDE, False, W2, None, 1)
STORED = [Stored(RUN, ONCE, 1, 1, 4.5)]


@pytest.mark.parametrize(
    ("begins", "facts", "found"),
    [
        pytest.param([begin(ONCE, 1, 4)], {"done": [KILL]}, 0, id="cut off by a kill"),
        pytest.param([begin(ONCE, 1, 4)], {"done": [SLEEP]}, 0, id="cut off by a stop"),
        pytest.param([begin(ONCE, 1, 4)], {}, 1, id="nothing was done"),
        pytest.param([begin(ONCE, 3, 4)], {"done": [KILL]}, 1, id="done to another process"),
        pytest.param([begin(ONCE, 1, 6)], {"done": [KILL]}, 1, id="done before it began"),
        pytest.param([begin(ONCE, 1, 4)], {"done": [Harm("kill", 1, 12, 12)]}, 1, id="done after it was put aside"),
        pytest.param([begin(ONCE, 1, 4)], {"done": [KILL], "stored": STORED}, 1, id="though its outcome is known"),
        pytest.param([], {"done": [KILL]}, 0, id="killed before it could say that it begins"),
        pytest.param([], {}, 1, id="it never began"),
    ],
)
def test_an_at_most_once_run_is_put_aside_for_cause_alone(begins: list[Effect], facts: Any, found: int) -> None:
    turns = [claimed(1, W1), lost(7, W1), claimed(8, W2), ASIDE]
    assert len(ends(PUT_ASIDE, *begins, **{"turns": turns} | facts)) == found
    assert not ends("completed", *begins, **facts)


def test_most_at_most_once_runs_have_to_complete() -> None:
    ids = [uuid4() for _ in range(12)]
    begins = [begin(f"{id_}:once:1", 1, 4) for id_ in ids]
    known = harms(KILL, ledger=begins)

    def told(completed: int) -> list[str]:
        error = {"message": "step 'once' was cut off and may run at most once"}
        runs = {id_: Run(id=id_, status=PUT_ASIDE, error=error) for id_ in ids}
        runs |= {id_: Run(id=id_, status="completed", output=codec.encode(6)) for id_ in ids[:completed]}
        started = [Started("at-most-once", 3, 1, id_) for id_ in ids]
        turns: dict[UUID, list[Turn]] = {id_: [] for id_ in ids}
        seen = SimpleNamespace(turns=turns)
        attempts = Attempts(begins, known, [])
        evidence: Any = SimpleNamespace(started=started, runs=runs, harms=known, attempts=attempts, seen=seen)
        return list(ORACLES["wrong ends"](evidence))

    assert not told(6)
    assert told(5) == ["only 5 of 12 at-most-once runs completed"]


def claimed(at: float, worker: UUID, run: UUID = RUN) -> Turn:
    return Turn(run, at, 9, "queued", "running", True, None, worker, 1)


def lost(at: float, worker: UUID, claims: int = 1, status: str = "queued", run: UUID = RUN) -> Turn:
    return Turn(run, at, 9, "running", status, True, worker, None, claims)


@pytest.mark.parametrize(
    ("taken", "claims", "found"),
    [(8.0, 1, 0), (8.5, 1, 1), (8.0, 2, 0), (9.0, 2, 1)],
    ids=["in time", "too late", "a suspect in time", "a suspect too late"],
)
def test_a_run_that_waits_too_long_for_another_worker_is_found(taken: float, claims: int, found: int) -> None:
    turns = [claimed(1, W1), lost(7, W1, claims), claimed(taken, W2)]
    recoveries = Recoveries({RUN: turns}, harms(KILL))
    assert len(list(recoveries.slow())) == found
    assert not list(Recoveries({RUN: turns}, harms(KILL), busy=5.0).slow())
    assert not Recoveries({RUN: turns}, harms(KILL, OUTAGE)).plain, "nothing is measured while the database is away"


def test_a_suspect_may_wait_for_those_that_were_taken_before_it() -> None:
    before = {
        run: [claimed(1, W1, run), lost(6, W1, 2, run=run), claimed(6 + 0.1 * n, W2, run)]
        for n, run in enumerate((uuid4() for _ in range(5)), start=1)
    }
    late = [claimed(1, W1), lost(6, W1, 2), claimed(11, W2)]
    assert list(Recoveries({RUN: late}, harms(KILL)).slow())
    assert not list(Recoveries({RUN: late} | before, harms(KILL)).slow())


def test_an_innocent_run_is_put_aside_for_cause_alone() -> None:
    kills = [Harm("kill", pid, 4.0 + pid, 4.0 + pid) for pid in (1, 2, 3)]
    turns = [
        claimed(1, W1), lost(6, W1), claimed(6.1, W2), lost(6.9, W2, 2), claimed(6.95, W3),
        lost(8, W3, 3, "needs_attention"),
    ]  # fmt: skip
    assert not list(recovery.quarantined({RUN: turns}, harms(*kills), {RUN}, 1.0))
    assert list(recovery.quarantined({RUN: turns}, harms(*kills[1:]), {RUN}, 1.0)), "a worker was not harmed"
    assert list(recovery.quarantined({RUN: turns[2:]}, harms(*kills), {RUN}, 1.0)), "only twice"
    own = [Registered(W1, 9, 0.0, 5.5), *WORKERS[1:], Registered(uuid4(), 9, 5.9, 100.0)]
    assert not list(recovery.quarantined({RUN: turns}, harms(*kills[1:], workers=own), {RUN}, 1.0)), "its own lease"
    other = uuid4()
    both = {RUN: turns, other: [Turn(other, *_rest(turn)) for turn in turns]}
    assert list(recovery.quarantined(both, harms(*kills), {RUN, other}, 1.0)), "two with one worker"


def _rest(turn: Turn) -> tuple[Any, ...]:
    return turn.at, turn.writer, turn.was, turn.status, turn.taken, turn.worker_was, turn.worker, turn.claims


def test_a_timer_that_fires_early_or_twice_is_found() -> None:
    right = Fired(RUN, "sleep", 1, "sleep", 5.0, 5.01)
    early = Fired(RUN, "sleep", 2, "sleep", 5.0, 4.9)
    assert not list(moments.waits([right], {}))
    assert len(list(moments.waits([right, right], {}))) == 1
    assert len(list(moments.waits([right, early], {}))) == 1
    retries = [Fired(RUN, "third_time_lucky", 1, "retry", 5.0, 5.1)] * 3
    assert not list(moments.waits(retries[:2], {}))
    assert len(list(moments.waits(retries, {}))) == 1


def verdict(**facts: Any) -> Verdict:
    given: dict[str, Any] = {
        "seed": 1, "without": "", "seconds": 210.0, "findings": {"zombie writes": [], "lost runs": []},
        "figures": Figures(1, 0, 200, 30), "faults": {}, "runs": Counter(), "calls": 100, "errors": 0, "retried": 0,
        "recoveries": SimpleNamespace(plain=[1.0] * 200, suspects=[], limit=3.3), "in_flight": 1, "extra": 0,
        "leases": 0, "unprovoked": 0, "spawned": 10,
    }  # fmt: skip
    made = Verdict(**given | facts)
    made.judge_its_weight()
    return made


FENCED = Counter({"in place": 10, "met": 9})


@pytest.mark.parametrize(
    ("facts", "code"),
    [
        pytest.param({}, HELD, id="all held"),
        pytest.param({"findings": {"zombie writes": ["one"]}}, BROKEN, id="broken"),
        pytest.param({"figures": Figures(1, 0, 199, 30)}, INVALID, id="too few kills"),
        pytest.param({"figures": Figures(1, 0, 200, 29)}, INVALID, id="too few zombies"),
        pytest.param({"errors": 6}, INVALID, id="too few answers"),
        pytest.param({"unprovoked": 9}, INVALID, id="too busy a machine"),
        pytest.param({"without": "fence", "acknowledged": FENCED}, BLIND, id="control: nothing found"),
        pytest.param(
            {"without": "fence", "acknowledged": FENCED, "findings": {"zombie writes": [], "lost runs": ["one"]}},
            BLIND,
            id="control: found by another",
        ),
        pytest.param({"without": "fence", "findings": {"zombie writes": ["one"]}}, BLIND, id="control: not in place"),
        pytest.param(
            {"without": "fence", "acknowledged": Counter({"in place": 10}), "findings": {"zombie writes": ["one"]}},
            BLIND,
            id="control: not met",
        ),
        pytest.param(
            {"without": "fence", "acknowledged": FENCED, "findings": {"zombie writes": ["one"]}},
            BROKEN,
            id="control: noticed",
        ),
    ],
)
def test_the_exit_code_says_what_came_of_it(facts: dict[str, Any], code: int) -> None:
    made = verdict(**facts)
    assert made.code == code, made.text()
