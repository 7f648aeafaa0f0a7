"""Flowapp's public names can be imported before Django is set up, as modules of workflows do."""

import os
import subprocess
import sys

import flowapp


def test_every_public_name_needs_no_django_set_up():
    names = ", ".join(flowapp.__all__)
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("DJANGO_", "FLOWAPP_"))}
    done = subprocess.run(
        [sys.executable, "-c", f"from flowapp import {names}"], env=bare, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
