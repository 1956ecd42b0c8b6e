"""The engines' processes, and how they take turns on one core."""

from __future__ import annotations

import json
import os
import random
import selectors
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Case", "EngineError", "Result", "Worker", "environment", "interleave", "pinned_core"]

ROOT = Path(__file__).resolve().parent.parent
LARGEST_MMAP_THRESHOLD = 32 << 20  # glibc's own limit on 64 bits; it ignores a larger one


@dataclass(frozen=True)
class Case:
    """What is measured: ``kind`` and ``arguments`` name a method of the engines and what it is called with."""

    suite: str
    label: str
    kind: str
    arguments: tuple[Any, ...]
    unit: str = "step"
    per_step: int = 1  # units in one step
    proof: int = 1  # steps before the results of all engines are compared
    rounds: int = 1


@dataclass
class Result:
    """One engine on one case: a round gives CPU and wall seconds per unit and page faults per step; or a failure."""

    case: Case
    engine: str
    rounds: list[dict[str, float]] = field(default_factory=list)
    failed: str | None = None

    def add(self, other: Result) -> None:
        """Take in the rounds that the same engine ran in another process."""
        self.rounds += other.rounds
        self.failed = self.failed or other.failed


class EngineError(Exception):
    """An engine could not do what was asked; the text is its name for the reason, in a word or two."""


def environment() -> dict[str, str]:
    """One thread, the kernels that BLAS chooses itself, and memory kept from step to step, for every engine alike.

    With glibc's defaults an array of some 100 KB is mapped afresh at every step, and the page faults decide who wins.
    """
    dropped = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "PYTHONDONTWRITEBYTECODE")
    env = {k: v for k, v in os.environ.items() if k not in dropped}
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    memory = {"MALLOC_TRIM_THRESHOLD_": str(1 << 30), "MALLOC_MMAP_THRESHOLD_": str(LARGEST_MMAP_THRESHOLD)}
    xla = "--xla_cpu_multi_thread_eigen=false"
    return env | threads | memory | {"XLA_FLAGS": xla, "JAX_PLATFORMS": "cpu"}


def pinned_core() -> int:
    """The core all engines take turns on; -1 where processes cannot be pinned."""
    return max(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else -1


class Worker:
    """The process of one engine. One that dies or takes too long is started again for the next case."""

    def __init__(self, engine: str, core: int) -> None:
        self.engine, self.core = engine, core
        self.process: subprocess.Popen[str] | None = None
        self.version = str(self._start()["version"])

    def _start(self) -> Any:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", self.engine, str(self.core)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            cwd=ROOT, env=environment(), text=True,
        )  # fmt: skip
        return self._reply(120)

    def ask(self, limit: float, **request: Any) -> Any:
        """The worker's answer to one request; `EngineError` after ``limit`` seconds."""
        if self.process is None:
            self._start()
        assert self.process is not None
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self._reply(limit)

    def _reply(self, limit: float) -> Any:
        assert self.process is not None
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            if not selector.select(limit):
                self.close()
                raise EngineError(f"over {limit:g} s")
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            self.process = None
            raise EngineError(f"killed by signal {-code}" if code < 0 else f"exit status {code}")
        answer = json.loads(line)
        if "failed" in answer:
            why = answer["message"].strip().partition("\n")[0]
            print(f"{self.engine}: {answer['failed']}: {why}", file=sys.stderr)
            raise EngineError(answer["failed"])
        return answer["ok"]

    def close(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


def interleave(
    workers: Iterable[Worker], case: Case, *, seconds: float, limit: float, tick: Callable[[], object] = lambda: None
) -> list[Result]:
    """Measure one case with every engine, in rounds; in each, all engines run one batch of about ``seconds``.

    The order within a round is shuffled, so that nobody always runs after the same neighbour.
    """
    results = {w.engine: Result(case, w.engine) for w in workers}
    ready: list[tuple[Worker, int]] = []
    for w in workers:
        try:
            request = {"kind": case.kind, "arguments": case.arguments, "proof": case.proof, "seconds": seconds}
            found = w.ask(limit, do="prepare", **request)
            if found["deviation"] is not None and not found["deviation"] <= 1:
                raise EngineError("wrong result")
            ready.append((w, found["steps"]))
        except EngineError as reason:
            results[w.engine].failed = str(reason)
    for number in range(case.rounds):
        for w, steps in random.Random(number).sample(ready, len(ready)):
            if results[w.engine].failed is None:
                try:
                    measured = w.ask(limit, do="measure", steps=steps)
                    for clock in ("cpu", "wall"):
                        measured[clock] /= case.per_step
                    results[w.engine].rounds.append(measured)
                except EngineError as reason:
                    results[w.engine].failed = str(reason)
        tick()
    return list(results.values())
