"""Formulas of a derivation read back as what they say, and computed: the test that they are true."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

__all__ = ["NotReadError", "evaluate"]

TOKEN = re.compile(
    r"\\(?:odot|cdot|,|left\(|right\)|left\[|right\]|begin\{cases\}|end\{cases\}|begin\{pmatrix\}|end\{pmatrix\}|\\|"
    r"times|mathbf\{1\}\^\{\\mathsf\{T\}\}|mathsf\{T\}|operatorname\{[^}]*\}|text\{[^}]*\}|[a-zA-Z]+)"
    r"|\d+(?:\.\d+)?|[a-zA-Z]|[-+(){}\[\]^_|=<>,&:]"
)
FUNCTIONS: dict[str, Callable[..., Any]] = {
    r"\tanh": np.tanh, r"\sin": np.sin, r"\cos": np.cos, r"\ln": np.log, r"\tan": np.tan,
    r"\sigma": lambda x: 1 / (1 + np.exp(-x)),
}  # fmt: skip
REDUCTIONS = {r"\max": np.max, r"\min": np.min, r"\prod": np.prod, "mean": np.mean, "var": np.var, "std": np.std}
OPS = {
    r"\ge": np.greater_equal, r"\le": np.less_equal, r"\ne": np.not_equal, ">": np.greater, "<": np.less, "=": np.equal,
}  # fmt: skip


class NotReadError(Exception):
    """A piece of notation that this reader does not know."""


def evaluate(tex: str, symbols: Mapping[str, Any]) -> Any:
    """The value of a formula, where symbols have these values."""
    reader = _Reader(tex, symbols)
    value = reader.sum()
    if reader.peek():
        raise NotReadError(f"{reader.peek()} in {tex}")
    return value


class _Reader:
    def __init__(self, tex: str, symbols: Mapping[str, Any]) -> None:
        self.symbols = symbols
        self.tokens: list[Any] = []
        longest = sorted(symbols, key=len, reverse=True)
        i = 0
        while i < len(tex):
            found = next((s for s in longest if tex.startswith(s, i)), None)
            cut = found is not None and found[-1:].isalpha() and "\\" in found and tex[i + len(found) :][:1].isalpha()
            if found is not None and not cut:
                self.tokens.append((found,))
                i += len(found)
            elif tex[i].isspace():
                i += 1
            else:
                m = TOKEN.match(tex, i)
                if m is None:
                    raise NotReadError(tex[i : i + 20])
                self.tokens.append(m[0])
                i = m.end()
        self.at = 0

    def peek(self) -> Any:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self, expected: str | None = None) -> Any:
        token = self.peek()
        if token is None or (expected is not None and token != expected):
            raise NotReadError(f"{token} for {expected}")
        self.at += 1
        return token

    def sum(self) -> Any:
        value = self.product()
        while self.peek() in ("+", "-"):
            sign = self.take()
            value = value + self.product() if sign == "+" else value - self.product()
        return value

    def product(self) -> Any:
        if self.peek() == "-":
            self.take()
            return -self.product()
        if self.peek() == r"\sum":
            self.take()
            axes = self.axes()
            return np.sum(self.product(), **axes)
        if self.peek() == r"\mathbf{1}^{\mathsf{T}}":
            self.take()
            return np.sum(self.product(), axis=0)
        value = self.scripted()
        while self.peek() in (r"\odot", r"\,", r"\cdot"):
            kind, right = self.take(), self.scripted()
            value = value * right if kind != r"\," or 0 in (np.ndim(value), np.ndim(right)) else value @ right
        return value

    def scripted(self) -> Any:
        value = self.atom()
        while self.peek() in ("^", "_"):
            if self.take() == "^":
                self.take("{")
                if self.peek() == r"\mathsf{T}":
                    self.take()
                    value = np.swapaxes(value, -1, -2)
                else:
                    top = self.sum()
                    inverse = np.ndim(top) == 0 and top == -1  # of a number it would be a fraction
                    value = np.linalg.inv(value) if inverse else value**top
                self.take("}")
            else:
                self.take("{")
                value = value[self.index()]
                self.take("}")
        return value

    def index(self) -> Any:
        self.take("[")
        parts: list[Any] = []
        while self.peek() != "]":
            if self.peek() == r"\dots":
                self.take()
                parts.append(Ellipsis)
            elif self.peek() == r"\text{new}":
                self.take()
                parts.append(None)
            else:
                bounds: list[Any] = [None]
                while self.peek() not in (",", "]"):
                    if self.peek() == ":":
                        self.take()
                        bounds.append(None)
                    else:
                        v = self.sum()
                        bounds[-1] = int(v) if np.ndim(v) == 0 else v
                parts.append(slice(*bounds) if len(bounds) > 1 else bounds[0])
            if self.peek() == ",":
                self.take()
        self.take("]")
        return tuple(parts)

    def axes(self) -> dict[str, Any]:
        """``_{\\text{axis } 1 \\text{ kept}}``."""
        if self.peek() != "_":
            return {}
        self.take()
        self.take("{")
        if self.take() not in (r"\text{axis }", r"\text{axes }"):
            raise NotReadError("a subscript")
        axes = [int(self.take())]
        while self.peek() == ",":
            self.take()
            if not self.peek().isdigit():
                raise NotReadError(self.peek())
            axes.append(int(self.take()))
        kept = self.peek() == r"\text{ kept}"
        if kept:
            self.take()
        self.take("}")
        return {"axis": tuple(axes)} | ({"keepdims": True} if kept else {})

    def braces(self) -> Any:
        self.take("{")
        value = self.sum()
        self.take("}")
        return value

    def atom(self) -> Any:  # one branch a notation
        token = self.take()
        if isinstance(token, tuple):
            return self.symbols[token[0]]
        if token[0].isdigit():
            return float(token)
        if token == r"\left(":
            value = self.sum()
            self.take(r"\right)")
            return value
        if token == r"\left[":
            return self.bracket()
        if token in (r"\frac", r"\tfrac"):
            return self.braces() / self.braces()
        if token == r"\sqrt":
            return np.sqrt(self.braces())
        if token == "e":
            self.take("^")
            return np.exp(self.braces())
        if token == "|":
            value = self.sum()
            self.take("|")
            return np.abs(value)
        if token == r"\begin{cases}":
            return self.cases()
        if token in (r"\max", r"\min") and self.peek() == "(":
            self.take()
            a = self.sum()
            self.take(",")
            b = self.sum()
            self.take(")")
            return np.maximum(a, b) if token == r"\max" else np.minimum(a, b)
        if token in REDUCTIONS:
            axes = self.axes()
            return REDUCTIONS[token](self.scripted(), **axes)
        if token in FUNCTIONS:
            return FUNCTIONS[token](self.parenthesised())
        if token.startswith(r"\operatorname"):
            return self.named(token[len(r"\operatorname{") : -1])
        raise NotReadError(token)

    def parenthesised(self) -> Any:
        if self.peek() != "(":
            return self.scripted()
        self.take()
        value = self.sum()
        self.take(")")
        return value

    def bracket(self) -> Any:
        """A condition, or arrays joined along an axis."""
        parts = [self.sum()]
        if self.peek() in OPS:
            value = OPS[self.take()](parts[0], self.sum())
            self.take(r"\right]")
            return value
        while self.peek() == ",":
            self.take()
            parts.append(self.sum())
        sign = self.peek()
        if sign in (r"\land", r"\lor"):
            self.take()
            second = self.sum()
            self.take(r"\right]")
            return parts[0] & second if sign == r"\land" else parts[0] | second
        self.take(r"\right]")
        axes = self.axes()
        return np.concatenate(np.atleast_1d(*parts) if len(parts) > 1 else parts, axis=axes["axis"][0] if axes else 0)

    def cases(self) -> Any:
        a = self.sum()
        self.take("&")
        self.take(r"\text{where }")
        condition = self.sum()
        self.take("\\\\")
        b = self.sum()
        self.take("&")
        self.take(r"\text{elsewhere}")
        self.take(r"\end{cases}")
        return np.where(condition, a, b)

    def named(self, name: str) -> Any:
        if name == "reshape":
            self.take("_")
            self.take("{")
            sizes = []
            while (token := self.take()) != "}":
                if token.startswith(r"\text"):
                    raise NotReadError(token)
                sizes += [int(token)] if token.isdigit() else []
            return np.reshape(self.parenthesised(), sizes)
        if name == "transpose":
            axes = self.axes()
            return np.transpose(self.parenthesised(), axes["axis"])
        if name in ("cumsum", "cumprod"):
            axes = self.axes()
            return getattr(np, name)(self.scripted(), axis=axes["axis"][0] if axes else 0)
        if name in REDUCTIONS:
            axes = self.axes()
            return REDUCTIONS[name](self.parenthesised(), **axes)
        if name == "softmax":
            axes = self.axes().get("axis", (-1,))
            x = self.parenthesised()
            e = np.exp(x - np.max(x, axis=axes, keepdims=True))
            return e / e.sum(axis=axes, keepdims=True)
        raise NotReadError(name)
