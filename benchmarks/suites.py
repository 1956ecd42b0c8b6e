"""Which cases there are, and their measuring from first to last."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections.abc import Callable, Sequence

from .driver import ROOT, Case, Result, Worker, environment, interleave
from .engines import ENGINES
from .nets import TwoLayer

__all__ = ["SUITES", "cases", "measure_imports", "measure_suite"]

SUITES = ("steps", "compile", "chains", "import")
COMPILED = "compiled"  # takes part in the suite of that name alone
NETS = TwoLayer(64, 1000, 100, 10), TwoLayer(8, 4, 4, 1), TwoLayer(128, 64, 64, 10), TwoLayer(256, 784, 512, 10)
Tick = Callable[[Case], object]
LIMIT = 120.0  # seconds: an engine that needs longer for one batch is out

IMPORT = """
import importlib, json, os, resource, sys, time
if sys.argv[2] != "-1":
    os.sched_setaffinity(0, {int(sys.argv[2])})
faults, wall, cpu = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, time.perf_counter(), time.process_time()
importlib.import_module(sys.argv[1])
cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults
print(json.dumps({"cpu": cpu, "wall": wall, "faults": faults}))
"""


def cases(suite: str, rounds: int, quick: bool) -> list[Case]:
    """The cases of a suite, small ones first where they are one growth curve; long ones in fewer rounds."""
    few = max(1, rounds // 4)
    if suite in ("steps", "compile"):
        end = " compiled" if suite == "compile" else ""
        return [
            Case(suite, f"{net} {short}{end}", "two_layer", (str(net), dtype), proof=3, rounds=rounds)
            for short, dtype in (("f64", "float64"), ("f32", "float32"))
            for net in NETS
        ]
    if suite == "chains":
        lengths = (1_000, 20_000) if quick else (1_000, 20_000, 100_000, 1_000_000)
        chains = [
            Case("chains", f"{n:,} ops", "chain", (n,), unit="op", per_step=n, rounds=few if n > 20_000 else rounds)
            for n in lengths
        ]
        sizes = (1_000, 3_000) if quick else (1_000, 3_000, 10_000, 30_000)
        reads = [Case("chains", f"{n:,} reads", "reads", (n,), unit="read", per_step=n, rounds=few) for n in sizes]
        return chains + reads
    return [Case("import", "import", "import", (), unit="import", rounds=rounds)]


def measure_suite(
    workers: Sequence[Worker], suite: Sequence[Case], seconds: float, out: dict[tuple[str, str], str], tick: Tick
) -> list[Result]:
    """All cases with all engines that have a program for them.

    ``out`` notes who failed at what: an engine that failed at one size is not tried at it or a larger one again.
    """
    results: list[Result] = []
    for case in suite:
        able = [w for w in workers if getattr(ENGINES[w.engine], case.kind, None) is not None]
        able = [w for w in able if w.engine != COMPILED or case.suite == "compile"]
        fit = [w for w in able if (w.engine, case.kind) not in out]
        found = interleave(fit, case, seconds=seconds, limit=LIMIT, tick=lambda case=case: tick(case))  # type: ignore[misc]
        beyond = [Result(case, w.engine, failed=out[w.engine, case.kind]) for w in able if w not in fit]
        if case.per_step > 1:
            out |= {(r.engine, case.kind): r.failed for r in found if r.failed}
        results += found + beyond
    return results


def measure_imports(packages: Sequence[str], case: Case, core: int, tick: Tick) -> list[Result]:
    """Import time in fresh processes, which take turns; the first, which may compile bytecode, is not counted."""
    results = [Result(case, package) for package in packages]
    for number in range(case.rounds + 1):
        for result in random.Random(number).sample(results, len(results)):
            done = subprocess.run(
                [sys.executable, "-c", IMPORT, result.engine, str(core)],
                cwd=ROOT, env=environment(), capture_output=True, text=True,
            )  # fmt: skip
            if done.returncode:
                result.failed = "cannot be imported"
            elif number > 0:
                result.rounds.append(json.loads(done.stdout))
        tick(case)
    return results
