"""Make the oracle table of optimisers, schedules and clipping: what PyTorch gives for every combination of options.

    python tests/oracle/make_optimisers.py     writes tests/oracle/optimisers.npz; needs the extra `peers`

The gradient is a function of step and parameters, in NumPy, so that a difference in one step is carried on.
"""

from __future__ import annotations

import itertools
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

TABLE = Path(__file__).parent / "optimisers.npz"
STEPS = 100
KEPT = (1, 2, 10, 100)  # the steps after which parameters are kept
DTYPES = ("float64", "float32", "complex128", "complex64")
SHAPES = ((2, 3), (4,), ())
LATE = 1  # the parameter that has no gradient in every third step, the first among them
LR = 0.1  # of every schedule
EPOCHS = 45


def optimisers() -> dict[str, tuple[str, dict[str, Any]]]:
    """Every combination of options, by a readable key."""
    both = (False, True)
    decay, ways = (0, 0.05), [{"maximize": m} for m in both]
    cases: list[tuple[str, dict[str, Any]]] = [
        *(("SGD", {"lr": 0.02, "weight_decay": w, **o}) for w in decay for o in ways),
        *(
            ("SGD", {"lr": 0.02, "momentum": 0.9, "dampening": d, "weight_decay": w, "nesterov": n, **o})
            for (d, n) in ((0, False), (0.3, False), (0, True))
            for w in decay
            for o in ways
        ),
        *(
            (kind, {"lr": 0.02, "betas": b, "eps": 1e-6, "weight_decay": w, "amsgrad": a, **o})
            for kind in ("Adam", "AdamW")
            for b in ((0.9, 0.999), (0.6, 0.8))
            for w in decay
            for a in both
            for o in ways
        ),
        *(
            ("RMSprop", {"lr": 0.02, "alpha": 0.9, "eps": 1e-3, "weight_decay": w, "momentum": m, "centered": c, **o})
            for w in decay
            for m in (0, 0.8)
            for c in both
            for o in ways
        ),
        *((kind, {}) for kind in ("SGD", "Adam", "AdamW", "RMSprop")),  # the defaults
    ]
    return {f"{kind}({', '.join(f'{k}={v}' for k, v in options.items())})": (kind, options) for kind, options in cases}


def start(dtype: str) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [_normal(rng, shape, dtype) for shape in SHAPES]


def gradients(ps: list[np.ndarray], step: int, maximize: bool) -> list[np.ndarray | None]:
    """Of a bowl with ripples, shaken anew in each step; None where a parameter is to be skipped."""
    rng = np.random.default_rng(1000 + step)
    sign = -1 if maximize else 1
    found: list[np.ndarray | None] = []
    for i, p in enumerate(ps):
        shaken = sign * (p * (1 + i) + np.sin(p) + _normal(rng, p.shape, p.dtype))
        found.append(None if i == LATE and step % 3 == 1 else np.asarray(shaken, p.dtype))
    return found


def _normal(rng: np.random.Generator, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    x = rng.normal(size=shape)
    return np.asarray(x + 1j * rng.normal(size=shape) if np.dtype(dtype).kind == "c" else x, dtype)


def schedules() -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """By key: the schedules on one optimiser, all stepped at each epoch."""
    step, exponential = ("StepLR", {"step_size": 4, "gamma": 0.5}), ("ExponentialLR", {"gamma": 0.9})
    cosine, bounded = ("CosineAnnealingLR", {"T_max": 10}), ("CosineAnnealingLR", {"T_max": 7, "eta_min": 0.01})
    linear, down = ("LinearLR", {}), ("LinearLR", {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 12})
    lambdas = ("LambdaLR", {"lr_lambda": "1 / (1 + t)"})
    one = {f"{i}": [case] for i, case in enumerate((step, exponential, cosine, bounded, linear, down, lambdas))}
    return one | {"linear x cosine": [linear, cosine], "step x exponential": [step, exponential]}


def sequences() -> dict[str, tuple[list[tuple[str, dict[str, Any]]], list[int]]]:
    """By key: schedules one after the other, and when they change."""
    s = schedules()
    pick = {name: s[name][0] for name in "0123456"}
    return {
        "warm-up, cosine": ([pick["4"], pick["2"]], [5]),
        "step, lambda, bounded": ([pick["0"], pick["6"], pick["3"]], [9, 20]),
        "exponential": ([pick["1"]], []),
    }


def function(text: Any) -> Any:
    """The argument of a schedule as PyTorch and we take it."""
    return (lambda t: 1 / (1 + t)) if text == "1 / (1 + t)" else text


def clippings() -> Iterator[tuple[float, float, str]]:
    """max_norm, norm_type and dtype."""
    yield from itertools.product((0.5, 3.0, 1e3), (1.0, 2.0, 3.0, float("inf")), DTYPES)


def main() -> None:
    import torch

    warnings.simplefilter("ignore")  # it would see the optimiser step before its schedule
    kept: dict[str, np.ndarray] = {}
    for key, (kind, options) in optimisers().items():
        for dtype in DTYPES:
            ps = [torch.tensor(p, requires_grad=True) for p in start(dtype)]
            optimiser = getattr(torch.optim, kind)(ps, **options)
            rows = []
            for step in range(1, STEPS + 1):
                grads = gradients([p.detach().numpy() for p in ps], step, options.get("maximize", False))
                for p, g in zip(ps, grads, strict=True):
                    p.grad = None if g is None else torch.tensor(g)
                optimiser.step()
                if step in KEPT:
                    rows.append(np.concatenate([p.detach().numpy().ravel() for p in ps]))
            kept[f"{key} {dtype}"] = np.array(rows)

    def rates(optimiser: Any, steps: list[Any]) -> np.ndarray:
        found = [optimiser.param_groups[0]["lr"]]
        for _ in range(EPOCHS):
            for schedule in steps:
                schedule.step()
            found.append(optimiser.param_groups[0]["lr"])
        return np.array(found)

    def made(optimiser: Any, cases: list[Any]) -> list[Any]:
        module = torch.optim.lr_scheduler
        return [getattr(module, kind)(optimiser, **{k: function(v) for k, v in o.items()}) for kind, o in cases]

    def fresh() -> Any:
        return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=LR)

    for key, cases in schedules().items():
        optimiser = fresh()
        kept[f"schedule {key}"] = rates(optimiser, made(optimiser, cases))
    for key, (cases, milestones) in sequences().items():
        optimiser = fresh()
        chain = torch.optim.lr_scheduler.SequentialLR(optimiser, made(optimiser, cases), milestones)
        kept[f"sequence {key}"] = rates(optimiser, [chain])
    for max_norm, norm_type, dtype in clippings():
        ps = [torch.tensor(p, requires_grad=True) for p in start(dtype)]
        for p, g in zip(ps, gradients(start(dtype), 1, False), strict=True):
            p.grad = None if g is None else torch.tensor(g)
        norm = torch.nn.utils.clip_grad_norm_(ps, max_norm, norm_type)
        flat = [p.grad.numpy().ravel() for p in ps if p.grad is not None]
        kept[f"clip {max_norm} {norm_type} {dtype}"] = np.concatenate([[norm.item()], *flat])
    index = {key: (str(a.dtype), a.shape) for key, a in kept.items()}
    flat = np.concatenate([a.ravel().astype(complex).view(float) for a in kept.values()])
    np.savez_compressed(TABLE, index=json.dumps(index), numbers=flat)
    print(f"{len(kept)} rows, {TABLE.stat().st_size:,} bytes")


def load() -> dict[str, np.ndarray]:
    """What `main` has written, by key."""
    with np.load(TABLE, allow_pickle=False) as file:
        index, numbers = json.loads(str(file["index"])), file["numbers"].view(complex)
    found, begin = {}, 0
    for key, (dtype, shape) in index.items():
        end = begin + int(np.prod(shape))
        values = numbers[begin:end].reshape(shape)
        found[key] = (values if np.dtype(dtype).kind == "c" else values.real).astype(dtype)
        begin = end
    return found


if __name__ == "__main__":
    main()
