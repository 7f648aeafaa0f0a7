"""The testing kit for people's own workflows: replace steps, script decisions, move the clock, crash the worker.

run = await process_order.test(order, steps={"charge": lambda order: "ref-1"}, decisions={"review-order": "approve"})
assert run.status == "completed"
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypedDict, Unpack
from uuid import UUID

from asgiref.sync import sync_to_async
from pydantic import ValidationError
from pydantic_core import to_json

from approvals.policies import answers, asking
from approvals.states import OUTCOMES, Decision, InvalidDecision, PromptType
from approvals.steps import result_type, schema_of
from flowapp.context import Context
from flowapp.engine import clock as engine_clock
from flowapp.engine import codec, inline, queries, registry, runs, sweep
from flowapp.engine.durations import Duration
from flowapp.engine.handle import Run
from flowapp.engine.states import TERMINAL, RunStatus
from flowapp.tenancy.actors import SYSTEM
from flowapp.tenancy.models import Workspace
from flowapp.tenancy.scope import current_or_none, scoped

if TYPE_CHECKING:
    from flowapp.engine.driving.runtime import Runtime
    from flowapp.engine.records import Write
    from flowapp.engine.registry import WorkflowDefinition
    from flowapp.engine.verbs.calls import Call

type Script = str | Decision[Any] | BaseException | Callable[[Any], str | Decision[Any]]
LONGEST = 10_000  # jumps of the clock in one test; more is an endless loop


class Clock:
    """A clock that stands still for deadlines until it is moved. Without one, a test jumps to each next deadline."""

    def shift(self, by: Duration) -> None:
        """Move time forward, until the test ends; `await run.proceed()` then does what has become due."""
        _shift(by)


def _shift(by: Duration) -> None:
    """Move the clock of this process; it is put back when the task that the test runs in is over."""
    engine_clock.shift(by)
    with suppress(RuntimeError):  # no task: whoever moves the clock outside of one puts it back
        task = asyncio.current_task()
        if task is not None:
            task.add_done_callback(lambda _: engine_clock.reset())


@dataclass
class Crash:
    """The worker dies once, right after the named step was committed (or right before)."""

    step: str
    before: bool = False
    happened: bool = False


def crash_after(step: str) -> Crash:
    """Die once after the step's checkpoint: it must not run again."""
    return Crash(step)


def crash_before(step: str) -> Crash:
    """Die once after the step ran but before its checkpoint: it runs again with the same idempotency key."""
    return Crash(step, before=True)


@dataclass
class Rehearsal:
    """How a test executes runs; what the inline engine asks at each point."""

    steps: Mapping[str, Any] = field(default_factory=dict)
    decisions: Mapping[str, Script] = field(default_factory=dict)
    crash: Crash | None = None
    always_suspend: bool = False
    allow_unreached: bool = False
    reached: set[tuple[str, str]] = field(default_factory=set)  # the kind and name of what was replaced or scripted
    wrong: str = ""  # what of the script cannot be

    def context(self, runtime: Runtime) -> Context:
        """The `ctx` of the body, with scripted prompts."""
        return ScriptedContext(runtime, self)

    def refuse_unreached(self, run: queries.RunDetail) -> None:
        """Raise AssertionError when an ended run never came to what the test names: a name may be misspelt.

        Not where `@step` made a step of that name: it exists, and another way through the workflow may come to it.
        """
        if self.allow_unreached:
            return
        scripted = {("steps", name) for name in self.steps if name not in registry.decorated}
        scripted |= {("decisions", name) for name in self.decisions}
        if self.crash is not None and not self.crash.happened:
            scripted.add(("crash", self.crash.step))
        if missing := sorted(scripted - self.reached):
            names = ", ".join(f"{kind}: {name!r}" for kind, name in missing)
            how = f"the run is {run.status}{_why(run.error)} and never came to {names}"
            raise AssertionError(f"{how}; is a name misspelt? Where it is not: allow_unreached=True")

    def attempt(self, call: Call) -> None:
        """Put a test's replacement in the place of a step's function."""
        if call.step is not None and call.key[0] in self.steps:
            self.reached.add(("steps", call.key[0]))
            stand_in = self.steps[call.key[0]]
            fn = stand_in if callable(stand_in) else lambda *_, **__: stand_in
            call.step = replace(call.step, fn=fn, is_async=inspect.iscoroutinefunction(fn), atomic=False)

    def dies(self, write: Write, *, before: bool) -> bool:
        """Whether the worker dies at this commit."""
        crash = self.crash
        if crash is None or crash.happened or crash.before is not before:
            return False
        crash.happened = any(row.name == crash.step for row in write.checkpoints)
        return crash.happened


class ScriptedContext(Context):
    """A context whose prompts are answered by the test's script; a prompt without one is really asked."""

    def __init__(self, runtime: Runtime, rehearsal: Rehearsal) -> None:
        super().__init__(runtime)
        self._rehearsal = rehearsal

    def prompt(self, name: str, **options: Any) -> Any:
        """The scripted decision, or the real prompt."""
        if name not in self._rehearsal.decisions:
            return super().prompt(name, **options)
        self._rehearsal.reached.add(("decisions", name))
        return self._scripted(name, options)

    async def _scripted(self, name: str, asked: Mapping[str, Any]) -> Decision[Any]:
        script = self._rehearsal.decisions[name]
        if callable(script) and not isinstance(script, BaseException):
            script = script(asked.get("data"))
        await self.step(name, lambda: None)
        if isinstance(script, BaseException):
            raise script
        if not isinstance(script, Decision):
            script = Decision(outcome=script, reasoning="", data=None, by=None, at=self.now(), channel="test")
        try:
            return _as_given(name, script, **asked)
        except InvalidDecision as wrong:
            self._rehearsal.wrong = f"the decision scripted for {name!r} cannot be given: {wrong}"
            raise


def _as_given(
    name: str,
    script: Decision[Any],
    *,
    type: str = PromptType.CONFIRM,
    data: Any = None,
    form: Any = None,
    choices: Sequence[str] = (),
    multiple: bool = True,
    outcomes: Iterable[str] | None = None,
    **_: Any,
) -> Decision[Any]:
    """A scripted decision as the prompt would return it: its data in its type. Raises InvalidDecision."""
    known = [{"value": value, "needs_reason": False} for value in outcomes or OUTCOMES[PromptType(type)]]
    schema = schema_of(name, type, data, form, choices, multiple=multiple)
    question = answers.Question(type, known, schema, asking.plain(data))
    given = answers.fit(question, outcome=script.outcome, reasoning="", data=asking.plain(script.data))
    if given is None:
        return script
    try:
        typed = codec.adapter(result_type(name, type, data, form)).validate_json(to_json(given))
    except ValidationError as wrong:
        raise InvalidDecision([{"field": "data", "msg": str(wrong)}]) from None
    return replace(script, data=typed)


class TestRun[O]:
    """A run under test. Its attributes are read when it last stopped."""

    __test__ = False  # not a test class, whatever its name

    def __init__(
        self,
        run: Run,
        definition: WorkflowDefinition[Any, O],
        rehearsal: Rehearsal,
        workspace_id: UUID,
        *,
        jumps: bool,
    ) -> None:
        self.run = run
        self._workspace_id = workspace_id
        self._definition = definition
        self._rehearsal = rehearsal
        self._jumps = jumps
        self._detail: queries.RunDetail

    @property
    def status(self) -> str:
        """Where the run stands."""
        return self._detail.status

    @property
    def output(self) -> O:
        """The output as the workflow's type."""
        output: O = codec.decode(codec.encode(self._detail.output), self._definition.output_type)
        return output

    @property
    def error(self) -> dict[str, Any] | None:
        """Type, message and step of what failed."""
        return self._detail.error

    @property
    def steps(self) -> list[queries.StepRow]:
        """The steps so far."""
        return self._detail.steps

    @property
    def waiting_on(self) -> list[queries.WaitRow]:
        """What it waits for."""
        return self._detail.waiting_on

    async def proceed(self) -> None:
        """Execute what has become due or ready."""
        with scoped(self._workspace_id):
            for _ in range(LONGEST):
                await sync_to_async(sweep.sweep)()
                await inline.execute(
                    rehearsal=self._rehearsal, always_suspend=self._rehearsal.always_suspend, queues=()
                )
                self._detail = await sync_to_async(queries.run_detail)(self.run.id)
                if self._rehearsal.wrong:
                    raise AssertionError(self._rehearsal.wrong)
                if self._detail.status in TERMINAL:
                    return self._rehearsal.refuse_unreached(self._detail)
                queued = self._detail.status == RunStatus.QUEUED and not self._detail.waiting_on
                if not queued and not self._jump():
                    return
        raise AssertionError(f"run {self.run.id} still was not done after {LONGEST} jumps of the clock")

    async def signal(self, name: str, data: Any = None) -> None:
        """Send a signal and execute what follows."""
        with scoped(self._workspace_id):
            await sync_to_async(runs.signal)(self.run.id, name, data, by=SYSTEM)
        await self.proceed()

    def _jump(self) -> bool:
        """Without a clock of the test's own: move time to the next deadline, if there is one."""
        due = [wait.due_at for wait in self._detail.waiting_on if wait.due_at is not None]
        if not self._jumps or not due:
            return False
        _shift(max(0.0, (min(due) - engine_clock.now()).total_seconds()) + 0.001)
        return True


class TestOptions(TypedDict, total=False):
    """What `workflow.test(…)` accepts.

    `steps`: a function or a value in the place of a step, by the step's name. `decisions`: an outcome, a Decision, an
    exception, or a function of the prompt's data, by the prompt's name. `always_suspend` drops the body after steps.
    A name that the run never came to raises AssertionError, unless `@step` made a step of that name or
    `allow_unreached` is true. So does a decision that nobody could have made.
    """

    clock: Clock
    steps: Mapping[str, Any]
    decisions: Mapping[str, Script]
    crash: Crash
    always_suspend: bool
    allow_unreached: bool


async def run_test[O](
    definition: WorkflowDefinition[Any, O], input: Any = None, **options: Unpack[TestOptions]
) -> TestRun[O]:
    """Start a run and execute it as far as it goes; what `workflow.test(…)` does. Needs a test database."""
    rehearsal = Rehearsal(
        options.get("steps", {}),
        options.get("decisions", {}),
        options.get("crash"),
        options.get("always_suspend", False),
        options.get("allow_unreached", False),
    )
    workspace_id = await sync_to_async(_workspace)()
    with scoped(workspace_id):
        handle = await sync_to_async(runs.start_run)(definition, input, by=SYSTEM)
    run = TestRun(handle, definition, rehearsal, workspace_id, jumps="clock" not in options)
    await run.proceed()
    return run


def _why(error: Mapping[str, Any] | None) -> str:
    return f" ({error['type']}: {error['message']})" if error else ""


def _workspace() -> UUID:
    """The workspace in scope, or one for tests."""
    known = current_or_none()
    if known is not None:
        return known
    workspace, _ = Workspace.objects.get_or_create(slug="test", defaults={"name": "Test"})
    return workspace.id
