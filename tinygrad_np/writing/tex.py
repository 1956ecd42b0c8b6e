"""The parts of a LaTeX formula: symbols, numbers, small arrays.

A formula is a text and how tightly it holds together, so that brackets stand where they are needed and nowhere else.
"""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

import numpy as np

from .literals import reciprocal

__all__ = ["ATOM", "PREFIX", "PRODUCT", "SUM", "Formula", "constant", "number", "raised", "scripted", "symbol"]

SUM, PRODUCT, PREFIX, ATOM = 1, 2, 3, 4
GREEK = frozenset((
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu", "nu", "xi",
    "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega", "Gamma", "Delta", "Theta", "Lambda", "Xi",
    "Pi", "Sigma", "Phi", "Psi", "Omega",
))  # fmt: skip
BRACKETED = ("exp", "transpose", "power", "square", "inv", "divide", "function")  # before a script is set at them


class Formula(NamedTuple):
    text: str
    holds: int = ATOM
    op: str = ""  # of the outermost operation

    def within(self, least: int) -> str:
        """The text, in brackets if it does not hold together tightly enough."""
        return self.text if self.holds >= least else rf"\left({self.text}\right)"


def scripted(f: Formula) -> str:
    """What can take a subscript: in brackets if it has a superscript, in braces if it has a subscript."""
    if f.holds < ATOM or f.op in BRACKETED:
        return rf"\left({f.text}\right)"
    return f"{{{f.text}}}" if "_" in f.text else f.text


def raised(f: Formula) -> str:
    """What can take a superscript."""
    return rf"\left({f.text}\right)" if f.holds < ATOM or f.op in BRACKETED else f.text


def symbol(name: str) -> str:
    r"""A name of the program as a symbol: ``w1`` is ``w_{1}``, ``h_relu`` is ``h_{\mathrm{relu}}``.

    Examples
    --------
    >>> symbol("w1"), symbol("h_relu"), symbol("pred"), symbol("beta2")
    ('w_{1}', 'h_{\\mathrm{relu}}', '\\mathrm{pred}', '\\beta_{2}')
    """
    head, *tail = [part for part in name.split("_") if part] or [name]
    letters, digits = re.fullmatch(r"(.*?)(\d*)", head).groups()  # type: ignore[union-attr]  # it always matches
    letters = letters or "x"
    base = rf"\{letters}" if letters in GREEK else letters if len(letters) == 1 else rf"\mathrm{{{letters}}}"
    below = [digits] * bool(digits) + [t if t.isdigit() or len(t) == 1 else rf"\mathrm{{{t}}}" for t in tail]
    return base + (rf"_{{{', '.join(below)}}}" if below else "")


def constant(value: Any) -> Formula:
    """A number, or a small array entry by entry."""
    if isinstance(value, np.ndarray) and value.ndim:
        if value.size and np.all(value == value.flat[0]):
            return constant(value.flat[0])
        rows = [[number(x) for x in row] for row in np.atleast_2d(value)]
        inner = r" \\ ".join(" & ".join(row) for row in rows)
        return Formula(rf"\begin{{pmatrix}} {inner} \end{{pmatrix}}", ATOM, "array")
    text = number(value)
    return Formula(text, SUM if text.startswith("-") else ATOM, "number")


def number(value: Any) -> str:
    """A number as people write it, with all its digits."""
    value = value[()] if isinstance(value, np.ndarray) else value
    if isinstance(value, bool | np.bool_):
        return r"\text{true}" if value else r"\text{false}"
    if isinstance(value, complex | np.complexfloating):
        return _complex(value)
    if not isinstance(value, float | np.floating):
        return str(value)
    if not np.isfinite(value):
        return r"\mathrm{nan}" if np.isnan(value) else r"\infty" if value > 0 else r"-\infty"
    known = _known(abs(float(value)))
    if known:
        return "-" * bool(value < 0) + known
    digits, _, power = str(value).removesuffix(".0").partition("e")
    if not power:
        return digits
    scale = rf"10^{{{int(power)}}}"
    return {"1": scale, "-1": f"-{scale}"}.get(digits, rf"{digits} \cdot {scale}")


def _known(value: float) -> str:
    """A positive number as a fraction, a root or a multiple of pi, where it is just that."""
    if n := reciprocal(value):
        return rf"\tfrac{{1}}{{{n}}}"
    if value == math.pi:
        return r"\pi"
    n = round(value * value) if value < 1e3 else 0
    if n > 1 and math.sqrt(n) == value and not value.is_integer():
        return rf"\sqrt{{{n}}}"
    return ""


def _complex(value: Any) -> str:
    real, imag = number(value.real), number(value.imag)
    turning = {"1": "i", "-1": "-i"}.get(imag, rf"{imag} \, i")
    if not value.imag:
        return real
    if not value.real:
        return turning
    return f"({real} {'-' if turning.startswith('-') else '+'} {turning.removeprefix('-')})"
