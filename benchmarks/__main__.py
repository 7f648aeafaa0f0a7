"""`make bench`: start a PostgreSQL, measure line after line, print the table. Nothing here fails on a slow figure."""

import argparse
import signal
import sys

from benchmarks import machine, table
from benchmarks.figures import Row
from benchmarks.lines import LINES
from benchmarks.setting import Setting
from tests import servers


def main() -> None:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # a plain SIGTERM would leave the servers behind
    rows: list[Row] = []
    with servers.postgres(fsync=True) as postgres:
        print(machine.described(postgres.url), flush=True)
        setting = Setting(postgres=postgres, quick=options.quick)
        for name in options.line or LINES:
            print(f"\n{name}: {machine.noise()}", flush=True)
            for row in LINES[name](setting):
                rows.append(row)
                print(f"  {row.line}: {row.ours or '-'}; {row.against} {row.theirs or '-'}", flush=True)
        print(f"\nat the end: {machine.noise()}\n")
    print(table.printed(rows))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: an impression, not a result")
    parser.add_argument("--line", action="append", choices=list(LINES), help="only this line (may be repeated)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
