"""The command line: ``python -m benchmarks [steps|chains|import|table FILE]``."""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import json
import platform
import sys
from pathlib import Path
from typing import Any

from .driver import Case, EngineError, Result, Worker, environment, pinned_core
from .engines import ENGINES, PEERS
from .machine import machine
from .report import markdown, show
from .suites import SUITES, cases, measure_imports, measure_suite

SETS = 3  # of fresh processes: where its code and data happen to lie makes a process some 3 % faster or slower
ADVICE = 'pip install "tinygrad_np[peers]"'


def main() -> int:
    options = parsed()
    if options.what == "table":
        print(markdown(json.loads(Path(options.file).read_text())))
        return 0
    if importlib.util.find_spec("rich") is None:
        print(f"the tables need rich: {ADVICE}", file=sys.stderr)
        return 2
    data = measured(options)
    if options.json:
        Path(options.json).write_text(written(data))
    show(data)
    return 0


def parsed() -> argparse.Namespace:
    about = "How fast the engine is, beside its peers: every engine in its own process, all on one core."
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=about)
    parser.add_argument("what", nargs="?", choices=[*SUITES, "table"], help="one suite; all of them if left out")
    parser.add_argument("file", nargs="?", help="results file for `table`")
    parser.add_argument("--peers", default=",".join(PEERS), help=f"comma-separated, of {','.join(PEERS)}")
    parser.add_argument("--rounds", type=int, default=21, help=f"in all, in {SETS} sets of fresh processes")
    parser.add_argument("--json", metavar="FILE", help="write settings, versions and every round")
    parser.add_argument("--quick", action="store_true", help="a look: three short rounds, small sizes")
    options = parser.parse_args()
    unknown = set(filter(None, options.peers.split(","))) - set(PEERS)
    if unknown:
        parser.error(f"no such peer: {', '.join(sorted(unknown))}; there are {', '.join(PEERS)}")
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    if (options.what == "table") != (options.file is not None):
        parser.error("table takes a results file; nothing else does")
    if options.file and not Path(options.file).is_file():
        parser.error(f"no such file: {options.file}")
    if options.json and not Path(options.json).parent.is_dir():
        parser.error(f"--json {options.json}: no such directory")
    return options


def measured(options: argparse.Namespace) -> dict[str, Any]:
    """Run the suites that were asked for; what a results file holds."""
    from rich.progress import Progress

    core, sets = pinned_core(), 1 if options.quick else SETS
    rounds = 3 if options.quick else -(-options.rounds // sets)
    seconds = 0.005 if options.quick else 0.025
    plan = {suite: cases(suite, rounds, options.quick) for suite in ([options.what] if options.what else SUITES)}
    engines = [e for e in ENGINES if e not in PEERS or e in options.peers.split(",")]
    versions, absent = {"Python": platform.python_version(), "BLAS": blas()}, {}
    results: dict[tuple[str, str], Result] = {}
    out: dict[tuple[str, str], str] = {}
    with Progress(transient=True) as progress:
        bar = progress.add_task("", total=sets * sum(c.rounds for suite in plan.values() for c in suite))

        def tick(case: Case) -> None:
            progress.update(bar, advance=1, description=case.label)

        for _ in range(sets):
            workers = []
            for engine in engines:
                try:
                    workers.append(Worker(engine, core))
                except EngineError as reason:
                    absent[engine] = ADVICE if str(reason) == "absent" else str(reason)
            versions |= {ENGINES[w.engine].package: w.version for w in workers}
            for suite, its_cases in plan.items():
                if suite == "import":
                    packages = dict.fromkeys(ENGINES[w.engine].package for w in workers)
                    found = measure_imports(list(packages), its_cases[0], core, tick)
                else:
                    found = measure_suite(workers, its_cases, seconds, out, tick)
                for r in found:
                    results.setdefault((r.case.label, r.engine), Result(r.case, r.engine)).add(r)
            for w in workers:
                w.close()
    kept = ("OPENBLAS_NUM_THREADS", "MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "XLA_FLAGS")
    settings = {"rounds": sets * rounds, "sets of processes": sets, "seconds per batch": seconds}
    return {
        "made": datetime.date.today().isoformat(),
        "machine": machine(core >= 0),
        "versions": versions,
        "settings": settings | {k: v for k, v in environment().items() if k in kept},
        "absent": absent,
        "results": [
            {
                "suite": r.case.suite, "case": r.case.label, "unit": r.case.unit, "engine": r.engine,
                "failed": r.failed, "rounds": r.rounds,
            }
            for r in results.values()
        ],
    }  # fmt: skip


def blas() -> str:
    import numpy as np

    found: Any = np.show_config(mode="dicts")
    library = found["Build Dependencies"]["blas"]
    return f"{library['name']} {library['version']}"


def written(data: dict[str, Any]) -> str:
    """The JSON of a results file: one engine on one case a line, so that two files compare well."""
    head = {k: v for k, v in data.items() if k != "results"}
    rounded = [
        r | {"rounds": [{k: float(f"{v:.4g}") for k, v in x.items()} for x in r["rounds"]]} for r in data["results"]
    ]
    lines = ",\n".join("  " + json.dumps(r) for r in rounded)
    return json.dumps(head, indent=1)[:-2] + f',\n "results": [\n{lines}\n ]\n}}\n'


if __name__ == "__main__":
    sys.exit(main())
