"""`python -m tests.torture`: minutes of faults, then judgement. Exit code 0: all held; 1: a promise was broken;
2: invalid, the faults were too weak to mean anything.
"""

from __future__ import annotations

import argparse
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.torture import trial
from tests.torture.deciders import PROMPTS
from tests.torture.terms import CONTROLS
from tests.torture.trial import say

HELD, BROKEN, INVALID = 0, 1, 2
CONTROL_SECONDS = 25.0


def main() -> int:
    """The trial, and after it each negative control, which has to be found broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--seconds", type=float, default=trial.FULL_SECONDS)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--controls", default=",".join(CONTROLS), help="safeguards to take out, one after the other")
    parser.add_argument("--prompts", type=int, default=PROMPTS, help="of the deciders' phase; 0 leaves it out")
    parser.add_argument("--only-without", default="", choices=["", *CONTROLS], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.only_without:
        return _try(given.seconds, given.seed, given.only_without)
    code = _try(given.seconds, given.seed, "")
    for control in filter(None, given.controls.split(",")):
        if _in_another_process(given.seed, control) != BROKEN:
            say(f"torture: it does not notice that the {control} is missing, so it proves nothing")
            code = code or INVALID
        else:
            say(f"torture: without the {control} it finds the promise broken, as it should\n")
    return code or (_decide(given.seed, given.prompts) if given.prompts else HELD)


def _decide(seed: int, prompts: int) -> int:
    """The deciders' phase, in a process with settings of its own."""
    command = [sys.executable, "-m", "tests.torture.deciders", "--seed", str(seed), "--prompts", str(prompts)]
    return subprocess.run(command, check=False).returncode


def _try(seconds: float, seed: int, without: str) -> int:
    folder = Path(tempfile.mkdtemp(prefix="flowapp-torture-"))
    verdict = trial.run(folder, seconds=seconds, seed=seed, without=without)
    say(verdict.text())
    if verdict.broken and not without:
        say(f"  the workers' log and the ledger: {folder}")
    else:
        shutil.rmtree(folder)
    if verdict.broken:
        return BROKEN
    return INVALID if verdict.weak else HELD


def _in_another_process(seed: int, control: str) -> int:
    """A safeguard taken out cannot be put back into a process."""
    command = [sys.executable, "-m", "tests.torture", "--only-without", control]
    command += ["--seconds", str(CONTROL_SECONDS), "--seed", str(seed)]
    say(f"torture: without the {control} …")
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    began = time.monotonic()
    code = main()
    say(f"torture: {time.monotonic() - began:.0f} s in all")
    sys.exit(code)
