"""The judge of what the deciders were told in Slack: no word about one prompt excuses silence about another."""

from collections import Counter
from types import SimpleNamespace
from typing import Any

import pytest

from approvals.actions.channels import asides, pressing
from flowapp.integrations.models import OutboxMessage
from flowapp.tenancy.scope import scoped
from tests import factories
from tests.torture import told

FIRST = "Already decided: approve by ana@example.com."
BUSY = str(pressing.Busy())


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ([("one", FIRST), ("other", FIRST)], 0),
        ([("one", BUSY), ("other", FIRST)], 0),
        ([("one", FIRST), ("one", BUSY)], 1),
        ([("one", FIRST), ("other", FIRST), ("other", "Something else.")], 1),
        ([("one", FIRST)], 1),
    ],
)
def test_what_was_said_of_each_prompt_is_judged(db: Any, said: list[tuple[str, str]], wrong: int) -> None:
    with scoped(factories.workspace().pk):
        for prompt, text in said:
            done: Any = SimpleNamespace(user="U0")
            asides.say(done, {"channel": "D0", "prompt": prompt}, text)
        received = list(OutboxMessage.objects.values_list("payload", flat=True))
        scene: Any = SimpleNamespace(slack=SimpleNamespace(asides=received))
        expected: told.Asides = Counter({(prompt, "U0", FIRST): 1 for prompt in ("one", "other")})
        assert len(list(told._in_slack(scene, expected))) == wrong
        scene.slack.asides = received[1:]
        assert len(list(told._in_slack(scene, expected))) == wrong + 1
