"""Whether enough people can answer: a quorum that cannot be reached is said when a prompt is opened."""

from __future__ import annotations

from approvals.actions import eligibility
from approvals.models import Prompt
from approvals.states import Stage
from flowapp.tenancy import queries as tenancy


def warnings(prompt: Prompt) -> list[str]:
    """What keeps this stage, or a later one, from ever being settled by those asked, as the workspace is now."""
    numbers = range(prompt.stage, prompt.stages + 1)
    found = ((number, _warning(prompt, line)) for number in numbers for line in prompt.stage_at(number).beside)
    several = prompt.stages > 1
    return [f"Stage {number}: {warning}" if several else warning for number, warning in found if warning]


def _warning(prompt: Prompt, stage: Stage) -> str:
    barred = prompt.options.get("four_eyes") or prompt.options.get("excluded")
    if stage.quorum == 1 and not barred:
        return ""  # assign names somebody, or the prompt would not have been opened
    people = [entry for entry in stage.assign if not entry.startswith("agent:")]
    asked = tenancy.members_matching(*people) if people else ()
    able = sum(eligibility.may_count(prompt, member) for member in asked)
    if able >= stage.quorum:
        return ""
    wanted = "1 person" if stage.quorum == 1 else f"{stage.quorum} people"
    return f"{wanted} must answer, but only {able} of those asked may. Ask more people, or lower the quorum."
