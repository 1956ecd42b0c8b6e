"""Make the oracle tables: what JAX and PyTorch say of the ops they share with us, on the registry's samples.

    python tests/oracle/make.py jax           writes tests/oracle/jax.npz; needs the extra `peers`
    python tests/oracle/make.py torch         writes tests/oracle/torch.npz
    python tests/oracle/make.py jax std var   asks again for these ops only

For each op and sample: the value, the gradient of a random weighting of it, and the gradient of that gradient along a
random direction. JAX is asked for NumPy's names, PyTorch for the neural ops, by the same name, with the same arguments.
"""

from __future__ import annotations

import contextlib
import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
Table = dict[str, dict[str, list[np.ndarray]]]
sys.path[:0] = [str(HERE.parent / "ops"), str(HERE.parent.parent)]

from registry_cases import CASES, Case, case, is_float  # noqa: E402  # the path is set first


def weights(ys: list[Any]) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    return [rng.normal(size=tuple(np.shape(y))) for y in ys]


def directions(xs: list[np.ndarray]) -> list[np.ndarray]:
    rng = np.random.default_rng(6)
    return [rng.normal(size=x.shape) for x in xs]


def called(c: Case, f: Callable[..., Any], xs: Any, real: Any, convert: Any) -> list[Any]:
    """The real arrays that ``f`` gives for these values of the floating-point inputs."""
    rest = iter(xs)

    def fill(arg: Any) -> Any:
        if isinstance(arg, list) and any(isinstance(a, np.ndarray) for a in arg):
            return [fill(a) for a in arg]
        return next(rest) if is_float(arg) else convert(arg) if isinstance(arg, np.ndarray) else arg

    args = [fill(a) for a in c.args]  # before the parameters: the inputs are counted in this order
    out = f(*args, **{k: fill(v) for k, v in c.params.items()})
    flat = list(out) if isinstance(out, tuple | list) else [out]
    return [y for y in flat if real(y)]


def of_jax(c: Case) -> dict[str, list[np.ndarray]] | None:
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", True)
    f: Any = None
    for name in c.op.np:
        f = jnp
        for part in name.split("."):
            f = getattr(f, part, None)
        if f is not None:
            break
    if f is None or isinstance(f, type) or not c.floats or any(x.dtype.kind == "c" for x in c.floats):
        return None

    def ys_of(*xs: Any) -> list[Any]:
        return called(c, f, xs, lambda y: jnp.issubdtype(y.dtype, jnp.floating), jnp.asarray)

    def loss(*xs: Any) -> Any:
        ys = ys_of(*xs)
        return sum(jnp.sum(y * w) for y, w in zip(ys, weights(ys), strict=True))

    def along(*xs: Any) -> Any:
        gs = jax.grad(loss, argnums=tuple(range(len(xs))))(*xs)
        return sum(jnp.sum(g * v) for g, v in zip(gs, directions(c.floats), strict=True))

    xs = [jnp.asarray(x) for x in c.floats]
    every = tuple(range(len(xs)))
    found = {"value": ys_of(*xs), "first": jax.grad(loss, argnums=every)(*xs)}
    return found | {"second": jax.grad(along, argnums=every)(*xs)}


def of_torch(c: Case) -> dict[str, list[np.ndarray]] | None:
    import torch

    f: Any = getattr(torch.nn.functional, c.op.name, None)
    if f is None or c.op.np or not c.floats:
        return None
    xs = [torch.tensor(x, requires_grad=True) for x in c.floats]
    ys = called(c, f, xs, lambda y: y.is_floating_point(), torch.tensor)
    loss = sum((y * torch.tensor(w)).sum() for y, w in zip(ys, weights(ys), strict=True))
    first = torch.autograd.grad(loss, xs, create_graph=True, allow_unused=True)
    first = [torch.zeros_like(x) if g is None else g for g, x in zip(first, xs, strict=True)]
    found = {"value": ys, "first": first}
    along = sum((g * torch.tensor(v)).sum() for g, v in zip(first, directions(c.floats), strict=True))
    with contextlib.suppress(RuntimeError):  # some of its ops have no second derivative
        second = torch.autograd.grad(along, xs, allow_unused=True) if along.requires_grad else [None] * len(xs)
        found["second"] = [torch.zeros_like(x) if g is None else g for g, x in zip(second, xs, strict=True)]
    return {k: [v.detach().numpy() for v in vs] for k, vs in found.items()}


def load(engine: str) -> Table:
    """A table as written by `save`: for each sample, lists of arrays under "x", "value", "first" and "second"."""
    with np.load(HERE / f"{engine}.npz", allow_pickle=False) as file:
        index, numbers = json.loads(str(file["index"])), file["numbers"]
    found: Table = {}
    start = 0
    for key, parts in index.items():
        found[key] = {}
        for what, shapes in parts.items():
            found[key][what] = []
            for shape in shapes:
                size = int(np.prod(shape))
                found[key][what].append(numbers[start : start + size].reshape(shape))
                start += size
    return found


def save(engine: str, table: Table) -> None:
    """One array of all numbers, and the shapes that they fill: small, and nothing to unpickle."""
    index = {key: {what: [np.shape(v) for v in vs] for what, vs in parts.items()} for key, parts in table.items()}
    numbers = [np.ravel(v) for parts in table.values() for vs in parts.values() for v in vs]
    np.savez_compressed(HERE / f"{engine}.npz", index=json.dumps(index), numbers=np.concatenate(numbers).astype(float))


def main(engine: str, only: list[str]) -> None:
    ask = {"jax": of_jax, "torch": of_torch}[engine]
    kept = load(engine) if only else {}
    table = {key: row for key, row in kept.items() if key.rsplit("-", 1)[0] not in only}
    left_out = []
    warnings.simplefilter("ignore")
    for name, k in CASES:
        if only and name not in only:
            continue
        c = case(name, k)
        try:
            found = ask(c)
        except Exception as error:  # arguments the peer does not take: it says nothing of this sample
            left_out.append(f"{name}-{k}: {type(error).__name__}")
            continue
        if found is None:
            continue
        table[f"{name}-{k}"] = {"x": c.floats} | {what: [np.asarray(v) for v in vs] for what, vs in found.items()}
    save(engine, table)
    print(f"{len(table)} samples of {len({key.rsplit('-', 1)[0] for key in table})} ops")
    print("not asked:", ", ".join(left_out))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
