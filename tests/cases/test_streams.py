"""A stream keeps every chunk once and in order over crashes; a reader resumes at its offset and sees the end."""

from flowapp import Context, workflow
from flowapp.engine import queries
from tests.cases.engines import Engine, ended


@workflow(name="streaming")
async def streaming(ctx: Context) -> str:
    out = ctx.stream("words")
    await out.write("a")
    out.write("b")
    out.write({"c": 1})
    await ctx.wait_for_signal("go")
    out.write("d")
    return "end"


def test_a_reader_resumes(engine: Engine):
    with engine.crash_after("stream:words") as crash:
        run = streaming.start()
        crash.wait()
    engine.recover()
    page = queries.stream(run.id, "words")
    assert (page.chunks, page.ended) == (["a", "b", {"c": 1}], False)
    assert queries.stream(run.id, "words", after=page.next).chunks == []
    run.signal("go")
    engine.settle()
    assert ended(run) == ("completed", "end")
    rest = queries.stream(run.id, "words", after=page.next)
    assert (rest.chunks, rest.ended) == (["d"], True)
    assert queries.stream(run.id, "words", after=1, limit=1).chunks == ["b"]
