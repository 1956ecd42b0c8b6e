"""Fuse softmax and cross-entropy into one op: faster than the parts, and right where they give NaN.

python examples/new_op_cross_entropy.py

With y = log(sum(exp(x))) - x[label] for one row x of logits, the softmax is exp(x - x[label] - y): the rule needs
nothing but input and output. The parts keep every array between the two alive, and overflow on the way.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a checkout needs no install

import numpy as np

from tinygrad_np import Tensor, check_op, grad, primitive

Array = np.ndarray
ROUNDS = 15


@primitive
def cross_entropy(logits, labels):
    """-log(softmax(logits)[label]) for every row."""
    if labels.shape != logits.shape[:1]:
        raise ValueError(f"one label a row: logits {logits.shape}, labels {labels.shape}")
    chosen = np.take_along_axis(logits, labels[:, None], axis=1)
    top = np.max(logits, axis=1, keepdims=True)
    e = logits - top  # an array of its own, so it may be written to
    np.exp(e, out=e)
    return (np.log(np.sum(e, axis=1, keepdims=True)) + (top - chosen))[:, 0]


def by_logits(g, y, logits, labels):
    chosen = np.take_along_axis(logits, labels[:, None], axis=1)
    return (np.exp(logits - chosen - y[:, None]) - (labels[:, None] == np.arange(logits.shape[1]))) * g[:, None]


cross_entropy.defvjp(by_logits, None)  # labels are integers: no gradient


def composite(logits, labels):
    """The same from its parts, as one writes it first."""
    e = np.exp(logits)
    p = e / np.sum(e, axis=1, keepdims=True)
    return -np.log(p[np.arange(len(labels)), labels])


def milliseconds(f: Callable[..., Array], logits: Array, labels: Array) -> float:
    x = Tensor(logits, requires_grad=True)
    start = time.perf_counter()
    f(x, labels).mean().backward()
    return 1e3 * (time.perf_counter() - start)


def main() -> int:
    rng = np.random.default_rng(0)
    labels = np.array([2, 0, 1, 2])
    report = check_op(cross_entropy, rng.normal(size=(4, 3)), labels, reference=composite)
    print(report)

    print(f"\nForward and backward of 256 rows, by turns; the median of {ROUNDS}, in milliseconds:\n")
    print(f"{'classes':>8}{'parts':>10}{'one op':>10}{'ratio':>8}")
    for classes in (10, 100, 1000):
        logits, wanted = rng.normal(size=(256, classes)), rng.integers(0, classes, 256)
        by_turns = [[milliseconds(f, logits, wanted) for f in (composite, cross_entropy)] for _ in range(ROUNDS)]
        parts, fused = np.median(by_turns, axis=0)
        print(f"{classes:>8}{parts:>10.3f}{fused:>10.3f}{fused / parts:>8.2f}")

    far, label = np.array([[1000.0, -1000.0, 0.0]]), np.array([1])
    print("\nLogits 1000, -1000 and 0, and the label is the second:\n")
    print(f"{'':<8}{'loss':>8}   gradient")
    gradients = {}
    for name, f in (("parts", composite), ("one op", cross_entropy)):
        with np.errstate(all="ignore"):
            loss, gradients[name] = f(far, label)[0], grad(lambda x, f=f: np.sum(f(x, label)))(far)[0]
        print(f"{name:<8}{loss:>8.0f}   {gradients[name]}")

    near = rng.normal(size=(8, 5)), rng.integers(0, 5, 8)
    same = [grad(lambda x, f=f: np.sum(f(x, near[1]) ** 2))(near[0]) for f in (composite, cross_entropy)]
    ok = report.ok and np.array_equal(gradients["one op"], [1, -1, 0]) and np.allclose(*same, rtol=1e-12, atol=1e-14)
    print("\nOne op: faster, and right where the parts are not." if ok else "\nThis is not as it should be.")
    return 0 if ok else 1


if __name__ == "__main__":
    raise SystemExit(main())
