"""One engine in a process of its own: ``python -m benchmarks.worker ENGINE CORE``, a line of JSON in, a line out.

    {"do": "prepare", "kind": "chain", "arguments": [1000], "proof": 1, "seconds": 0.02}
        build the case, check it against the gradients derived by hand, find how many steps fill the seconds
    {"do": "measure", "steps": 40}
        run that many: CPU and wall seconds, page faults

An answer is ``{"ok": ...}`` or ``{"failed": "RecursionError", "message": ...}``. The first line, unasked, says which
version runs, or that the library is absent.
"""

from __future__ import annotations

import gc
import importlib.metadata
import json
import os
import resource
import sys
import time
import warnings
from typing import Any

import numpy as np

from .engines import ENGINES, Hand, Program
from .nets import TwoLayer

__all__ = ["measure", "prepare"]


def build(engine: Any, kind: str, arguments: list[Any]) -> Program:
    if kind == "two_layer":
        arguments = [TwoLayer.named(arguments[0]), *arguments[1:]]
    program: Program = getattr(engine, kind)(*arguments)
    return program


def prepare(engine: Any, kind: str, arguments: list[Any], proof: int, seconds: float) -> tuple[Program, dict[str, Any]]:
    program = build(engine, kind, arguments)
    for _ in range(proof):
        took = timed(program, 1)
    deviation = None
    if program.result is not None:
        reference = build(Hand(), kind, arguments)
        timed(reference, proof)
        assert reference.result is not None
        deviation = compared(program.result(), reference.result(), reference.start)
    steps = max(1, min(20_000, round(seconds / took)))
    if steps > 1:  # the first steps are slower: count again, warm
        steps = max(1, round(seconds / timed(program, steps)))
    return program, {"steps": steps, "deviation": deviation}


def timed(program: Program, steps: int) -> float:
    """Seconds per step."""
    began = time.perf_counter()
    for _ in range(steps):
        program.step()
    program.finish()
    return (time.perf_counter() - began) / steps


def compared(found: Any, expected: Any, start: Any) -> float:
    """The largest difference, in units of what rounding may make it: above 1 the two are not the same computation."""
    worst = 0.0
    for a, b, origin in zip(found, expected, start or [None] * len(expected), strict=True):
        if a.shape != b.shape or a.dtype != b.dtype:
            raise ValueError(f"{a.dtype}{list(a.shape)} where {b.dtype}{list(b.shape)} was expected")
        change = b if origin is None else b - origin
        eps = np.finfo(b.dtype).eps
        allowed = eps * (8 * max(100, *b.shape) ** 0.5 * np.abs(change).max() + 4 * np.abs(b).max())
        difference = np.abs(a - b).max() / allowed
        worst = float(difference) if not difference <= worst else worst  # a NaN too
    return worst


def measure(program: Program, steps: int) -> dict[str, float]:
    gc.collect()
    for _ in range(steps // 10):  # another engine had the core and its caches
        program.step()
    program.finish()
    faults, wall, cpu = page_faults(), time.perf_counter_ns(), time.process_time_ns()
    for _ in range(steps):
        program.step()
    program.finish()
    cpu, wall, faults = time.process_time_ns() - cpu, time.perf_counter_ns() - wall, page_faults() - faults
    return {"cpu": cpu / steps / 1e9, "wall": wall / steps / 1e9, "faults": faults / steps}


def page_faults() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def main(name: str, core: int) -> None:
    if core >= 0:
        os.sched_setaffinity(0, {core})
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what a library prints is no reply
    warnings.simplefilter("ignore")

    def reply(**answer: Any) -> None:
        replies.write(json.dumps(answer) + "\n")

    try:
        engine = ENGINES[name]()
    except ImportError as error:
        return reply(failed="absent", message=str(error))
    reply(ok={"version": version(engine.package)})
    program: Program | None = None
    for line in sys.stdin:
        request = json.loads(line)
        do = request.pop("do")
        try:
            if do == "measure":
                assert program is not None, "prepare comes before measure"
                reply(ok=measure(program, **request))
            else:
                program = None
                program, found = prepare(engine, **request)
                reply(ok=found)
        except Exception as error:
            program = None
            reply(failed=type(error).__name__, message=str(error)[:500])


def version(package: str) -> str:
    module = sys.modules[package]
    found = getattr(module, "__version__", None)
    try:
        return str(found or importlib.metadata.version(package))
    except importlib.metadata.PackageNotFoundError:
        return "from a checkout"


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
