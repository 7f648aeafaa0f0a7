"""Commands that work inside the process: the environment they stand on, Django, and the folder they were called in."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from flowapp import environment

from .errors import CommandFailed


def set_up() -> None:
    """Set Django up for this folder. Raises CommandFailed naming what is wrong with the environment."""
    sys.path.insert(0, str(Path.cwd()))
    os.environ["DJANGO_SETTINGS_MODULE"] = "flowapp.settings"
    try:
        environment.load()
    except environment.BadEnvironment as bad:
        raise CommandFailed("; ".join(bad.problems)) from None
    import django

    django.setup()
