"""The deadline of a sleep is fixed when it is first reached; a replay does not start it anew."""

from datetime import timedelta

from flowapp import Context, workflow
from flowapp.engine import clock
from tests.cases.engines import Engine, ended


@workflow(name="sleep-deadline")
async def sleeping(ctx: Context) -> str:
    await ctx.sleep("1h")
    await ctx.sleep_until(clock.now() + timedelta(hours=1))
    return "rested"


def test_a_restart_does_not_move_it(engine: Engine):
    run = sleeping.start()
    engine.settle()
    due = run.waiting_on[0].due_at
    engine.shift("40m")
    run.pause()
    run.resume()
    engine.settle()
    assert [wait.due_at for wait in run.waiting_on] == [due]
    engine.shift("21m")
    second = run.waiting_on[0].due_at
    assert second > due
    engine.shift("40m")
    run.pause()
    run.resume()
    engine.settle()
    assert [wait.due_at for wait in run.waiting_on] == [second]
    engine.shift("21m")
    assert ended(run) == ("completed", "rested")
