"""The same step name in a loop is a distinct step each time."""

from flowapp import Context, workflow
from tests.cases import effects
from tests.cases.engines import Engine, ended


def double(number: int) -> int:
    effects.effect(f"double {number}")
    return number * 2


@workflow(name="loop")
async def looping(ctx: Context) -> list[int]:
    return [await ctx.step("double", double, number) for number in range(4)]


def test_each_use_has_its_own_checkpoint(engine: Engine):
    run = looping.start()
    engine.settle()
    assert ended(run) == ("completed", [0, 2, 4, 6])
    assert [(row.name, row.occurrence) for row in run.steps] == [("double", n) for n in (1, 2, 3, 4)]
    assert effects.keys == [f"{run.id}:double:{n}" for n in (1, 2, 3, 4)]


def test_the_loop_goes_on_where_it_was(engine: Engine):
    with engine.crash_after("double") as crash:
        run = looping.start()
        crash.wait()
    engine.recover()
    assert ended(run) == ("completed", [0, 2, 4, 6])
    assert effects.done == [f"double {n}" for n in range(4)]
