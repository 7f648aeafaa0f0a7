"""Inside a run: its stream, its steps page by page, its family, its errors in the user's code, a look at a fork."""

import re
from itertools import pairwise

import pytest

from flowapp.engine import clock, forks, queries, runs
from flowapp.engine.errors import IllegalState
from flowapp.engine.reading import relatives
from flowapp.tenancy.actors import SYSTEM
from flowapp.web import family

from . import flows

ORDER = {"id": "A-1", "customer": "Nordwind", "total": "1"}


def page(client, run, rest=""):
    answer = client.get(f"/runs/{run.id}/{rest}")
    assert answer.status_code == 200, answer.content
    return answer.content.decode()


def test_a_stream_is_shown_as_text_and_its_chunks_are_no_steps(dispatcher, cast, signed_in):
    run = runs.start("ops-streams", None, by=SYSTEM)
    shown = page(signed_in(cast.dev), run)
    assert "one two three" in shown
    assert 'id="step-stream:words' not in shown


def test_an_error_shows_the_users_own_frames(dispatcher, cast, signed_in):
    flows.FAILING.add("Nordwind")
    run = runs.start("ops-order", ORDER, by=SYSTEM)
    [step] = queries.run_detail(run.id).steps
    assert len(step.frames) == 1
    assert re.search(r"operations/flows\.py:\d+ in pay: raise ValueError", step.frames[0])
    assert "in pay: raise ValueError" in page(signed_in(cast.dev), run)


def test_frames_of_libraries_are_left_out_unless_nothing_else_is_there():
    import json

    from flowapp.engine.failures import describe

    def users():
        json.loads("{")

    try:
        users()
    except ValueError as error:
        frames = describe(error)["frames"]
    assert [frame.split(" in ")[1].split(":")[0] for frame in frames] == [
        "test_frames_of_libraries_are_left_out_unless_nothing_else_is_there",
        "users",
    ]


def test_a_long_run_is_paged_and_its_equal_steps_are_one_row(dispatcher, cast, signed_in):
    run = runs.start("ops-many", 250, by=SYSTEM)
    client = signed_in(cast.dev)
    first = page(client, run)
    assert "The first 100 of 250 steps" in first
    assert "100 times" in first
    second = client.get(f"/runs/{run.id}/steps/?cursor=100")
    assert [bar.step.occurrence for bar in second.context["waterfall"].bars] == list(range(101, 201))
    last = client.get(f"/runs/{run.id}/steps/?cursor={queries.last_step_page(run.id)}")
    assert [bar.step.occurrence for bar in last.context["waterfall"].bars] == list(range(151, 251))
    assert client.get(f"/runs/{run.id}/steps/?cursor=x").status_code == 404


@pytest.mark.parametrize("count", [1, 101])
def test_how_long_it_waited_on_people_counts_all_steps(dispatcher, cast, signed_in, count):
    run = runs.start("ops-asks-late", count, by=SYSTEM)
    for _ in range(2):
        clock.shift("1h")
        dispatcher.sweep()
    clock.shift("2h")
    shown = signed_in(cast.dev).get(f"/runs/{run.id}/").context["waited"]
    assert shown == "4 h"


@pytest.mark.parametrize("count", [1, 3])
def test_a_runs_page_takes_as_many_queries_for_three_steps_as_for_one(
    dispatcher, cast, signed_in, count, django_assert_num_queries
):
    run = runs.start("ops-parent", list(range(1, count + 1)), by=SYSTEM)
    client = signed_in(cast.dev)
    page(client, run)
    with django_assert_num_queries(17):
        page(client, run)


# -- family -----------------------------------------------------------------------------------------------------------


def test_a_family_is_found_from_any_of_its_members(dispatcher):
    parent = runs.start("ops-parent", [1, 2], by=SYSTEM)
    children, following = relatives.children(parent.id)
    assert ([child.step for child in children], following) == (["ops-child#1", "ops-child#2"], None)
    eldest = relatives.family(children[0].id)
    assert (eldest.id, [child.is_asked for child in eldest.children], eldest.children[0].workflow) == (
        parent.id,
        [True],
        "ops-child",
    )
    assert relatives.statuses_below(parent.id) == {"completed": 2}
    assert relatives.family(runs.start("ops-order", ORDER, by=SYSTEM).id) is None


def test_children_are_paged_and_the_graph_says_how_many_more(dispatcher, cast, signed_in, call):
    parent = runs.start("ops-parent", list(range(1, 16)), by=SYSTEM)
    first, cursor = relatives.children(parent.id, limit=10)
    second, end = relatives.children(parent.id, cursor=cursor, limit=10)
    assert (len(first), len(second), end) == (10, 5, None)
    shown = page(signed_in(cast.dev), parent, "family/")
    assert "and 3 more" in shown
    assert shown.count('class="box ok"') == 12
    assert len(call("GET", f"/runs/{parent.id}/children").json()["items"]) == 15
    assert signed_in(cast.gil).get(f"/runs/{parent.id}/family/").status_code == 404


def test_a_step_leads_to_its_child(dispatcher, cast, signed_in):
    parent = runs.start("ops-parent", [1], by=SYSTEM)
    [child] = relatives.children(parent.id)[0]
    shown = page(signed_in(cast.dev), parent)
    assert f'href="/runs/{child.id}/"' in shown
    assert "1 completed" in shown


def test_boxes_of_a_family_do_not_overlap():
    class One:
        def __init__(self, children=(), more=0):
            self.children, self.more = children, more

    drawing = family.draw(One([One([One(), One()]), One(more=5), One()]))
    places = sorted((box.x, box.y) for box in drawing.boxes)
    for (x, y), (other_x, other_y) in pairwise(places):
        assert x != other_x or other_y - y >= family.HIGH
    assert len(drawing.lines) == len(drawing.boxes) - 1
    assert max(box.y for box in drawing.boxes) + family.HIGH <= drawing.height


# -- forks ------------------------------------------------------------------------------------------------------------


def test_a_fork_says_beforehand_what_runs_again(dispatcher):
    run = runs.start("ops-many", 5, by=SYSTEM)
    preview = forks.preview(run.id, "count#3")
    assert (preview.reused_count, [step.occurrence for step in preview.reused]) == (2, [1, 2])
    assert (preview.again_count, [step.occurrence for step in preview.again]) == (3, [3, 4, 5])
    forked = runs.fork(run.id, preview.from_step, by=SYSTEM)
    assert len(queries.run_detail(forked.id).steps) == 5
    with pytest.raises(IllegalState):
        forks.preview(run.id, "count#9")


def test_a_fork_may_begin_at_any_step_of_a_long_run(dispatcher, cast, signed_in):
    run = runs.start("ops-many", 150, by=SYSTEM)
    bo = signed_in(cast.bo)
    first = page(bo, run, "fork/")
    assert ("count#100" in first, "count#101" in first) == (True, False)
    rest = bo.get(f"/runs/{run.id}/fork/", {"cursor": "100"}).content.decode()
    assert 'value="count#101"' in rest
    assert 'value="count#150"' in rest
    chosen = page(bo, run, "fork/?from_step=count%23120")
    assert '<option value="count#120" selected>' in chosen
    assert bo.get(f"/runs/{run.id}/fork/", {"cursor": "x"}).status_code == 404


def test_the_page_asks_before_it_forks(dispatcher, cast, signed_in, call):
    run = runs.start("ops-parent", [1, 2], by=SYSTEM)
    bo = signed_in(cast.bo)
    assert "Choose a step" in page(bo, run, "fork/")
    shown = page(bo, run, "fork/?from_step=ops-child%232")
    assert "Reused: 1 step" in shown
    assert "1 child run starts again" in shown
    assert "Fork from ops-child#2" in shown
    assert "Fork from" not in page(signed_in(cast.dev), run, "fork/?from_step=ops-child%232")
    assert bo.get(f"/runs/{run.id}/fork/?from_step=none").status_code == 409
    assert signed_in(cast.gil).get(f"/runs/{run.id}/fork/").status_code == 404
    told = call("GET", f"/runs/{run.id}/fork?from_step=ops-child%232").json()
    assert (told["reused_count"], told["again_count"], told["kinds"]) == (1, 1, {"child": 1})
    assert call("GET", f"/runs/{run.id}/fork?from_step=none").json()["type"] == "illegal-state"
    assert call("GET", f"/runs/{run.id}/fork").json()["errors"][0]["loc"] == ["from_step"]
