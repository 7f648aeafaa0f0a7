"""The two stories, told on an installation, with everything that must hold afterwards."""

from tests.process import stories
from tests.process.installation import Installation


def expense_survives(installation: Installation, point: str) -> None:
    """The demo's expense of 600, whose process dies at `point`, is paid once."""
    expense = {"employee": "Ana Ruiz", "amount": "600.00", "purpose": point}
    run = stories.live(installation, "expense-approval", expense, point)
    assert run["status"] == "completed", run["error"]
    assert run["output"]["status"] == "approved"
    assert run["output"]["receipt"]["amount"] == "600.00"
    assert run["output"]["receipt"]["number"].startswith("R-")
    assert [step["name"] for step in run["steps"]] == ["check_policy", "manager-approval", "issue_receipt"]
    happened_once(installation, run["id"], stories.EXPENSE, point)
    prompts = installation.get(f"prompts?run_id={run['id']}")["items"]
    assert [(prompt["status"], prompt["decision"]["outcome"]) for prompt in prompts] == [("decided", "approve")]


def order_survives(installation: Installation, point: str) -> None:
    """An order that waits for a signal, whose process dies at `point`, ships once."""
    run = stories.live(installation, "order", point, point)
    assert run["status"] == "completed", run["error"]
    assert run["output"] == f"shipped {point} for 7"
    assert [step["name"] for step in run["steps"]] == ["reserve", "signal:paid", "ship"]
    happened_once(installation, run["id"], stories.ORDER, point)


def happened_once(installation: Installation, run_id: str, effects: set[str], point: str) -> None:
    """The ledger knows each effect by its key, and none arrived more often than the kill explains."""
    counts = installation.ledger.counts(run_id)
    assert set(counts) == effects
    assert {key: count - 1 for key, count in counts.items() if count > 1} in stories.repeats(point)
    assert not [effect for effect in installation.ledger.effects(run_id) if effect.conflict]
