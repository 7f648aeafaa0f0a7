"""Every row belongs to a workspace, and only named places look over workspaces."""

import ast
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import models

from flowapp.tenancy.scope import ScopedManager, ScopedModel

ROOT = Path(__file__).parents[2]
ROOMS = ("flowapp", "approvals", "agents", "taskboard")

# Models of no workspace, each with its reason.
OVER_WORKSPACES = {
    "tenancy.User": "a person signs in once and may be a member of several workspaces",
    "tenancy.Workspace": "it is the workspace",
    "engine.Worker": "a worker process serves every workspace",
}
# Who may use `unscoped`, each with its reason.
LOOKING_OVER = {
    "flowapp/tenancy/queries.py": "finds the workspace of a session or a key",
    "flowapp/tenancy/scope.py": "defines it",
    "flowapp/audit/sealer.py": "finds the workspaces with something to seal",
    "flowapp/integrations/slack/connections.py": "a call of Slack's names a team, which finds the workspace",
    "flowapp/integrations/readings.py": "operators see the outbox of the whole installation",
    "flowapp/integrations/delivery.py": "one deliverer sends the messages of every workspace",
    "flowapp/integrations/webhooks/receiving.py": "a slug is all that a sender gives",
    "flowapp/integrations/webhooks/outgoing.py": "which workspaces listen at all",
    "flowapp/integrations/webhooks/delivering.py": "forgets old deliveries of every workspace",
    "flowapp/engine": "the store claims, wakes and sweeps runs of every workspace",
}

OURS = [model for model in apps.get_models() if model.__module__.split(".")[0] in ROOMS]


def test_the_lists_name_what_exists() -> None:
    labels = {model._meta.label for model in OURS}
    assert set(OVER_WORKSPACES) <= labels | {"engine.Worker"}
    assert [path for path in LOOKING_OVER if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("model", OURS, ids=[model._meta.label for model in OURS])
def test_each_model_belongs_to_a_workspace(model: type[models.Model]) -> None:
    if model._meta.label in OVER_WORKSPACES:
        assert not issubclass(model, ScopedModel)
        return
    assert issubclass(model, ScopedModel), f"make {model._meta.label} a ScopedModel, or say why not in OVER_WORKSPACES"
    assert isinstance(model._default_manager, ScopedManager), "`objects` is the scoped manager, and comes first"
    assert not model._meta.get_field("workspace").null


def test_only_named_places_look_over_workspaces() -> None:
    looking = {
        str(path.relative_to(ROOT))
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ("unscoped", "_base_manager")
    }
    assert [path for path in sorted(looking) if not path.startswith(tuple(LOOKING_OVER))] == []


def test_the_migrations_are_complete(db: None) -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
