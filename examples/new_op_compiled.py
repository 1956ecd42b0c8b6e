"""Put a compiled loop on the tape: a recurrence in Numba, or in C where that is missing, with its rule in NumPy.

python examples/new_op_compiled.py

y[t] = a[t] y[t - 1] + x[t] waits for itself at every step: NumPy has no word for it, and a loop over Tensors makes a
record of each multiplication and addition. Its cotangent is the same recurrence run backwards: the rule calls the op
itself, so what is compiled once serves derivatives of every order.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a checkout needs no install

import numpy as np

from tinygrad_np import Tensor, check_grads, check_op, primitive

Array = np.ndarray
Kernel = Callable[[Array, Array, Array], object]

C = """
void recur(const double *x, const double *a, double *y, long n) {
    double last = 0;
    for (long t = 0; t < n; t++) y[t] = last = a[t] * last + x[t];
}
"""


def loop(x, a, y):
    last = 0.0
    for t in range(len(x)):
        last = a[t] * last + x[t]
        y[t] = last


def by_numba() -> Kernel:
    from numba import njit

    kernel: Kernel = njit(loop)
    return kernel


def by_c() -> Kernel:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise ImportError("no C compiler on the path")
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "recur.so")
        command = [compiler, "-O2", "-shared", "-fPIC", "-x", "c", "-", "-o", str(library)]
        subprocess.run(command, input=C, text=True, check=True)
        function = ctypes.CDLL(str(library)).recur
    pointer = np.ctypeslib.ndpointer(np.float64, ndim=1, flags="C_CONTIGUOUS")
    function.argtypes, function.restype = [pointer, pointer, pointer, ctypes.c_long], None
    return lambda x, a, y: function(x, a, y, len(x))


def compiled() -> tuple[str, Kernel]:
    """What this machine can do."""
    for name, make in (("Numba", by_numba), ("C", by_c)):
        try:
            return name, make()
        except (ImportError, OSError, subprocess.CalledProcessError):  # not there, or it does not run here
            continue
    print('this example compiles a loop: pip install "tinygrad_np[jit]", or a C compiler', file=sys.stderr)
    raise SystemExit(2)


NAME, kernel = compiled()


@primitive
def recur(x, a):
    """y[t] = a[t] y[t - 1] + x[t], from y[-1] = 0."""
    if x.ndim != 1 or x.shape != a.shape:
        raise ValueError(f"two vectors of one length: x {x.shape}, a {a.shape}")
    y = np.empty(len(x))
    kernel(np.ascontiguousarray(x, np.float64), np.ascontiguousarray(a, np.float64), y)
    return y.astype(np.result_type(x, a), copy=False)


def backwards(g, a):
    """u[t] = a[t + 1] u[t + 1] + g[t]: the cotangent of x."""
    following = np.concatenate([a[1:], a[:1] * 0])
    return recur(g[::-1], following[::-1])[::-1]


recur.defvjp(
    lambda g, _y, _x, a: backwards(g, a),
    lambda g, y, _x, a: backwards(g, a) * np.concatenate([y[:1] * 0, y[:-1]]),
)


def recorded(x, a):
    """The same on the tape, step by step."""
    ys = [x[0]]
    for t in range(1, len(x)):
        ys.append(a[t] * ys[-1] + x[t])
    return np.stack(ys)


def milliseconds(f: Callable[..., Array], n: int) -> tuple[float, Array]:
    rng = np.random.default_rng(0)
    x, a = (Tensor(v, requires_grad=True) for v in (rng.normal(size=n), rng.uniform(0.5, 1, size=n)))
    start = time.perf_counter()
    np.sum(np.square(f(x, a))).backward()
    return 1e3 * (time.perf_counter() - start), a.grad


def main() -> int:
    rng = np.random.default_rng(1)
    x, a = rng.normal(size=5), rng.uniform(0.5, 1.0, size=5)
    report = check_op(recur, x, a, reference=recorded)
    print(report)
    if not report.ok:
        print("\nThis is not as it should be.")
        return 1
    check_grads(recur, (x[:3], a[:3]), order=3, modes="rev")  # its rule, and the rule of that, run compiled too

    n = 2000
    by_turns = [[milliseconds(f, n) for f in (recorded, recur)] for _ in range(5)]
    slow, fast = np.median([[t for t, _ in row] for row in by_turns], axis=0)
    print(f"\nForward and backward over {n} steps: {slow:.1f} ms recorded step by step,")
    print(f"{fast:.2f} ms in {NAME}: {slow / fast:.0f} times faster.")

    ok = np.allclose(by_turns[0][0][1], by_turns[0][1][1], rtol=1e-12, atol=1e-12)
    print("\nThe compiled op holds, to the third order." if ok else "\nThis is not as it should be.")
    return 0 if ok else 1


if __name__ == "__main__":
    raise SystemExit(main())
