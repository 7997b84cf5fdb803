"""The long version: hostile files for every reader, with what they did to it.

    python -m tests.fuzz --cases 10000 --out results/reliability/fuzz.json
    python -m tests.fuzz --target photo --engine atheris

Each case is a valid file with a few changes. A reader may take it or refuse it with the documented error, in 5 seconds
and a GiB of memory; a case that does anything else goes to tests/fuzz/corpus/, whose files `make test` reads each time.
Exit code 1 if there was such a case.
"""

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from rich.table import Table

import recyclenet
from recyclenet.atomic import write_text
from recyclenet.cli.console import note, print_line, progress_bar, table_console
from recyclenet.machine import commit, describe
from tests.fuzz.campaign import Result, run_target
from tests.fuzz.child import ENGINES
from tests.fuzz.judge import MEMORY, SECONDS
from tests.fuzz.targets import TARGETS


def main() -> None:
    """Reads the words of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", choices=TARGETS, action="append", help="Only this one; may be given again.")
    parser.add_argument("--engine", choices=ENGINES, action="append", help="Both, where atheris is installed.")
    parser.add_argument("--cases", type=int, default=10_000, help="Of each target and engine.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="For programs, in place of the table.")
    parser.add_argument("--out", type=Path, help="The JSON into a file, too.")
    given = parser.parse_args()
    results: list[Result] = []
    for target in given.target or TARGETS:
        for engine in given.engine or _engines():
            with progress_bar(f"{target}, {engine}") as bar:
                results.append(run_target(target, engine, given.cases, given.seed, bar))
            if given.out is not None:  # so far: somebody may stop it
                write_text(given.out, _report(results, given.cases, given.seed) + "\n")
    if given.json:
        print_line(_report(results, given.cases, given.seed))
    else:
        table_console().print(_table(results))
    for result in results:
        for fault, file in result.faults.items():
            note(f"{result.target}: {fault} (tests/fuzz/corpus/{file})")
    sys.exit(any(result.faults for result in results))


def _engines() -> list[str]:
    try:
        import atheris  # noqa: F401
    except ImportError:  # it has wheels for Linux and few versions of Python
        return ["hypothesis"]
    return list(ENGINES)


def _report(results: list[Result], cases: int, seed: int) -> str:
    report = {
        "cases_each": cases,
        "seed": seed,
        "limits": {"seconds": SECONDS, "memory_mb": round(MEMORY / 1e6)},
        "results": [asdict(result) for result in results],
        "recyclenet": recyclenet.__version__,
        "commit": commit(),
        **describe(),
        "load_average_5_min": os.getloadavg()[1],
    }
    return json.dumps(report, indent=2)


def _table(results: list[Result]) -> Table:
    table = Table(
        "reader", "engine", *(f"{word}" for word in ("cases", "refused", "taken", "faults", "slowest", "most memory"))
    )
    for column in table.columns[2:]:
        column.justify = "right"
    for result in results:
        counts = (f"{count:,}" for count in (result.cases, result.refused, result.accepted, len(result.faults)))
        table.add_row(result.target, result.engine, *counts, f"{result.seconds:.2f} s", f"{result.memory / 1e6:.0f} MB")
    return table


if __name__ == "__main__":
    main()
