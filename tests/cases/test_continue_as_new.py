"""continue_as_new begins the run again with a new input and an empty history; signals not taken stay."""

from flowapp import Context, step, workflow
from flowapp.engine.models import Checkpoint, Run
from tests.cases import effects
from tests.cases.engines import Engine, ended


@step
async def note(number: int, id: str) -> None:
    effects.effect(id)


@workflow(name="again-and-again")
async def counting(ctx: Context, number: int) -> list[int]:
    await note(number, str(ctx.uuid()))
    got = await ctx.wait_for_signal("n", type=int)
    if number < 3:
        ctx.continue_as_new(number + 1)
    return [number, got]


def test_it_begins_again(engine: Engine):
    run = counting.start(1)
    for number in (10, 20, 30):
        run.signal("n", number)
    engine.settle()
    assert ended(run) == ("completed", [3, 30])
    assert Run.objects.count() == 1
    assert Checkpoint.objects.filter(run_id=run.id, name="note").count() == 1
    assert len(set(effects.done)) == len(set(effects.keys)) == 3
