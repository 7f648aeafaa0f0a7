"""Finds the workflows of this installation, and gives definitions the verbs that need Django."""

from importlib import import_module

from django.conf import settings
from django.utils.module_loading import autodiscover_modules

from . import registry


def install() -> None:
    """Bind the verbs, then import every module of workflows: the settings' own and each app's `workflows.py`."""
    from flowapp.audit import sealer

    # Some are imported only because they register themselves.
    from . import attendance, handle, runs, sweep  # noqa: F401
    from .triggering import batches, events, schedules  # noqa: F401
    from .upkeep import statistics, thread  # noqa: F401
    from .verbs import locks  # noqa: F401

    sweep.chore(sealer.seal_all)
    registry.bind(runs.DefinitionVerbs())
    handle.bind(runs)
    for module in settings.FLOWAPP_WORKFLOWS:
        import_module(module)
    autodiscover_modules("workflows")
