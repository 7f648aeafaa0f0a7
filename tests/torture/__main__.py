"""`python -m tests.torture`: minutes of faults, then judgement, all within one deadline.

Exit code 0: all held; 10: a promise was broken; 11: invalid, the faults were too weak or the time too short to mean
anything; 12: a control was not noticed. Any other: the torture itself fell over.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.torture import trial
from tests.torture.deciders import PROMPTS
from tests.torture.terms import BLIND, BROKEN, CONTROLS, HELD, INVALID
from tests.torture.trial import say
from tests.torture.verdict import FULL_SECONDS

WITHIN = 597.0  # seconds for everything
# Seconds of faults, at most. Without the sweeper whatever was killed stays where it is, and that shows at the end.
CONTROL_SECONDS = {"sweeper": 12.0}
OTHERS_SECONDS = 25.0
CONTROL_PROMPTS = 8
# What is kept for the later phases when the trial would like to be longer.
KEPT_A_CONTROL, KEPT_A_PROMPT, KEPT_FOR_DECIDERS = 26.0, 0.25, 35.0
RESTS = 30.0  # seconds that a trial takes besides its faults


def main() -> int:
    """The trial, after it each negative control, which has to be found broken, then the deciders and theirs."""
    given = _arguments()
    if given.only_without:
        return _try(given.seconds, given.seed, given.only_without, given.seconds, given.busy)
    ends = time.monotonic() + given.within
    controls = [name for name in given.controls.split(",") if name]
    kept = len(controls) * KEPT_A_CONTROL + bool(given.prompts) * (given.prompts * KEPT_A_PROMPT + KEPT_FOR_DECIDERS)
    codes = []
    if given.seconds:
        codes.append(_try(given.seconds, given.seed, "", ends - kept - RESTS - time.monotonic(), given.busy))
    for control in controls:
        say(f"torture: without the {control} …")
        seconds = CONTROL_SECONDS.get(control, OTHERS_SECONDS)
        command = ["tests.torture", "--only-without", control, "--seconds", str(seconds), "--seed", str(given.seed)]
        codes.append(_control(control, _in_another_process(command, ends)))
    if given.prompts:
        command = ["tests.torture.deciders", "--seed", str(given.seed), "--prompts", str(given.prompts)]
        command += ["--control", str(min(given.prompts, CONTROL_PROMPTS))]
        codes.append(_in_another_process(command, ends))
    # What is broken weighs more than what proves nothing.
    known = [code for code in (BROKEN, BLIND, INVALID) if code in codes]
    fell_over = [code for code in codes if code not in (HELD, BROKEN, BLIND, INVALID)]
    return next(iter([*known, *fell_over]), HELD)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--seconds", type=float, default=FULL_SECONDS, help="of faults; 0 leaves the trial out")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    parser.add_argument("--controls", default=",".join(CONTROLS), help="safeguards to take out, one after the other")
    parser.add_argument("--prompts", type=int, default=PROMPTS, help="of the deciders' phase; 0 leaves it out")
    parser.add_argument("--within", type=float, default=WITHIN, help="seconds for all of it")
    parser.add_argument("--busy", type=float, default=0.0, help="seconds more for recoveries on a busy machine")
    parser.add_argument("--only-without", default="", choices=["", *CONTROLS], help=argparse.SUPPRESS)
    return parser.parse_args()


def _try(seconds: float, seed: int, without: str, at_most: float, busy: float) -> int:
    folder = Path(tempfile.mkdtemp(prefix="flowapp-torture-"))
    verdict = trial.run(folder, seconds=seconds, seed=seed, without=without, at_most=at_most, busy=busy)
    say(verdict.text())
    if verdict.code in (BROKEN, BLIND) and (verdict.code == BROKEN) != bool(without):
        say(f"  the workers' log and the ledger: {folder}")
    else:
        shutil.rmtree(folder)
    return verdict.code


def _control(control: str, code: int) -> int:
    """A control has to end as broken, by the oracle that should notice: anything else is no answer."""
    if code == BROKEN:
        say(f"torture: without the {control} {CONTROLS[control]!r} is found broken, as it should be\n")
        return HELD
    if code == INVALID:
        return INVALID
    say(f"torture: it does not notice that the {control} is missing (exit code {code}), so it proves nothing\n")
    return BLIND


def _in_another_process(module: list[str], ends: float) -> int:
    """A safeguard taken out cannot be put back into a process; and what takes too long is cut off."""
    with subprocess.Popen([sys.executable, "-m", *module], start_new_session=True) as process:
        try:
            return process.wait(max(0.0, ends - time.monotonic()))
        except (subprocess.TimeoutExpired, KeyboardInterrupt) as stopped:
            # In order first, so that its servers stop with it.
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
            if isinstance(stopped, KeyboardInterrupt):
                raise
            say(f"torture: no time was left for {' '.join(module)}")
            return INVALID


if __name__ == "__main__":
    began = time.monotonic()
    code = main()
    say(f"torture: {time.monotonic() - began:.0f} s in all")
    sys.exit(code)
