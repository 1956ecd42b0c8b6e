"""Differentiate what a solver found, not how: Kepler's equation with the rule of the implicit function theorem.

python examples/new_op_root.py

E - e sin(E) = M gives the place E of a planet from the time M and the eccentricity e of its orbit. No formula solves
it; Newton's method does. At a root of F(E, M, e) the slope is dE/dM = -F_M / F_E: one division, no matter how many
steps found the root. Recorded step by step, the same solver makes a tape that grows with its steps.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # a checkout needs no install

import numpy as np

from tinygrad_np import Tensor, check_op, jacobian, primitive

Array = np.ndarray


def newton(mean, e, steps):
    place = mean + 0.85 * e * np.sign(np.sin(mean))  # on the side of the root from which Newton's steps converge
    for _ in range(steps):
        place = place - (place - e * np.sin(place) - mean) / (1 - e * np.cos(place))
    return np.where((e >= 0) & (e < 1), place, np.nan)  # an ellipse, or no answer


@primitive(domain=(0.05, 0.85))
def kepler(mean, e, *, steps=10):
    """The eccentric anomaly: the E with E - e sin(E) = mean."""
    return newton(mean, e, steps)


kepler.defderivative(
    lambda place, _mean, e, *, steps: 1 / (1 - e * np.cos(place)),
    lambda place, _mean, e, *, steps: np.sin(place) / (1 - e * np.cos(place)),
)


def orbit(guess: Array, times: Array) -> Array:
    """Where the planet is seen; the guess is its eccentricity, and its mean anomaly at time 0."""
    place = kepler(times + guess[1], guess[0])
    return np.stack([np.cos(place) - guess[0], np.sqrt(1 - guess[0] ** 2) * np.sin(place)])


def fitted(seen: Array, times: Array) -> Array:
    """Least squares by Gauss and Newton, with the derivatives through the solver."""
    guess = np.array([0.3, 0.0])
    for _ in range(8):
        slopes = jacobian(lambda p: orbit(p, times))(guess)
        guess = guess - np.linalg.lstsq(slopes.reshape(-1, 2), (orbit(guess, times) - seen).ravel(), rcond=None)[0]
    return guess


def main() -> int:
    report = check_op(kepler, np.array([0.1, 0.4, 0.8]), np.array([0.2, 0.5, 0.8]))
    print(report)
    if not report.ok:
        print("\nThis is not as it should be.")
        return 1

    print("\ndE/de at M = 0.8, e = 0.8, by the number of Newton's steps:\n")
    print(f"{'steps':>6}{'ops on the tape':>18}{'error':>10}{'ops on the tape':>20}{'error':>10}")
    print(f"{'':>6}{'recorded':>18}{'':>10}{'by the rule':>20}")
    exact = np.sin(newton(0.8, 0.8, 50)) / (1 - 0.8 * np.cos(newton(0.8, 0.8, 50)))
    for steps in (2, 4, 8, 16, 32):
        row = f"{steps:>6}"
        for width, f in ((18, newton), (20, lambda m, e, n: kepler(m, e, steps=n))):
            e = Tensor(0.8, requires_grad=True)
            place = f(0.8, e, steps)
            ops = len(place.tape().records)
            place.backward()
            row += f"{ops:>{width}}{abs(float(e.grad) - exact):>10.1e}"
        print(row)

    rng = np.random.default_rng(0)
    times, true = np.linspace(0, 6, 40), np.array([0.6, 0.7])
    seen = orbit(true, times) + rng.normal(scale=1e-3, size=(2, 40))
    found = fitted(seen, times)
    print("\nAn orbit of eccentricity 0.6, seen 40 times with errors of 0.001:")
    print(f"fitted through the solver, its eccentricity is {found[0]:.4f}.")

    ok = np.allclose(found, true, atol=2e-3) and ops == 1
    print("\nOne op, one record, and the derivative of the root." if ok else "\nThis is not as it should be.")
    return 0 if ok else 1


if __name__ == "__main__":
    raise SystemExit(main())
