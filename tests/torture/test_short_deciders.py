"""The deciders' phase of the torture with few prompts, and its control; `make torture` has five hundred.

Not tried again on CI when it fails (tests/conftest.py): with another seed the violation may not come again.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHORT = ["--seconds", "0", "--controls", "", "--prompts", "12", "--within", "150"]


@pytest.mark.own_servers
@pytest.mark.timeout(200)
def test_however_many_decide_at_once_one_does() -> None:
    # Its own process has its own settings, and its threads their own connections.
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("FLOWAPP_", "DJANGO_"))}
    command = [sys.executable, "-m", "tests.torture", *SHORT]
    done = subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-4000:]}"
