"""Finds the workflows of this installation, and gives definitions the verbs that need Django."""

from importlib import import_module

from django.conf import settings
from django.utils.module_loading import autodiscover_modules

from . import registry


def install() -> None:
    """Bind the verbs, then import every module of workflows: the settings' own and each app's `workflows.py`."""
    from flowapp.audit import sealer

    from . import attendance, batches, events, handle, locks, runs, schedules, statistics, sweep, upkeep  # noqa: F401 - some register themselves

    sweep.chore(sealer.seal_all)
    registry.bind(runs.DefinitionVerbs())
    handle.bind(runs)
    for module in settings.FLOWAPP_WORKFLOWS:
        import_module(module)
    autodiscover_modules("workflows")
