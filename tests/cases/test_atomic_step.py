"""An atomic step's writes and checkpoint are one: exactly once over crashes, even when the commit's answer is lost."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import OperationalError

from flowapp import Context, step, workflow
from flowapp.engine import store
from flowapp.tenancy.models import Workspace
from tests.cases import effects
from tests.cases.engines import ON_POSTGRESQL, Engine, ended
from tests.cases.relay import cutting


@step(atomic=True)
def rename() -> str:
    effects.effect("rename")
    acme = Workspace.objects.get()
    acme.name += "!"
    acme.save()
    return acme.name


@workflow(name="atomic-step")
async def renaming(ctx: Context) -> str:
    name = await rename()
    await ctx.sleep("1h")
    return name


def breaking(real: Callable[..., Any], *, commit: bool) -> Callable[..., Any]:
    """The first commit does or does not take place; its answer is lost either way."""
    broken: list[bool] = []

    def commit_atomic(work: Callable[[], Any]) -> None:
        if broken:
            return real(work)
        broken.append(True)
        if commit:
            real(work)
            raise OperationalError("the connection broke")
        real(lambda: _give_up(work()))

    return commit_atomic


def _give_up(_: object) -> Any:
    raise OperationalError("the connection broke")


@pytest.mark.parametrize("committed", [True, False])
def test_a_lost_answer(engine: Engine, monkeypatch: pytest.MonkeyPatch, committed: bool):
    monkeypatch.setattr(store, "commit_atomic", breaking(store.commit_atomic, commit=committed))
    run = renaming.start()
    engine.settle()
    engine.shift("61m")
    assert ended(run) == ("completed", "Acme!")
    assert Workspace.objects.get().name == "Acme!"
    assert effects.done == ["rename"] * (1 if committed else 2)


@ON_POSTGRESQL
@pytest.mark.parametrize("committed", [True, False])
def test_a_connection_that_is_cut_at_the_commit(engine: Engine, committed: bool):
    with cutting('UPDATE "tenancy_workspace"', committed=committed) as relay:
        run = renaming.start()
        engine.settle()
    assert relay.cut.is_set()
    engine.shift("61m")
    assert ended(run) == ("completed", "Acme!")
    assert Workspace.objects.get().name == "Acme!"
    assert effects.done == ["rename"] * (1 if committed else 2)


@pytest.mark.parametrize("committed", [True, False])
def test_a_crash(engine: Engine, committed: bool):
    with (engine.crash_after if committed else engine.crash_before)("rename") as crash:
        run = renaming.start()
        crash.wait()
    engine.recover()
    engine.shift("61m")
    assert ended(run) == ("completed", "Acme!")
    assert Workspace.objects.get().name == "Acme!"
    assert effects.done == ["rename"] * (1 if committed else 2)


@step(atomic=True)
def fails() -> None:
    Workspace.objects.update(name="gone")
    raise ValueError("no")


@workflow(name="atomic-failure")
async def failing(ctx: Context) -> str:
    try:
        await fails()
    except ValueError as error:
        return str(error)
    return "?"


def test_a_failure_undoes_its_writes(engine: Engine):
    run = failing.start()
    engine.settle()
    assert ended(run) == ("completed", "no")
    assert Workspace.objects.get().name == "Acme"


@step(atomic=True, timeout="50ms")
def overruns() -> None:
    Workspace.objects.update(name="gone")
    threading.Event().wait(0.2)  # its transaction goes on for a while, as nobody can stop a thread


@workflow(name="atomic-timeout")
async def overrunning(ctx: Context) -> None:
    await overruns()


def test_a_timeout_undoes_its_writes(engine: Engine):
    run = overrunning.start()
    engine.settle()
    assert ended(run) == ("failed", "StepTimeout")
    assert Workspace.objects.get().name == "Acme"
