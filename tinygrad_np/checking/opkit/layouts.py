"""The same numbers in another order of memory: arguments and cotangents alike."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .forms import Verdicts, alike, arrays, gradient_at
from .gradient import points, where_raised
from .point import Point
from .report import Check
from .subject import Subject, finite

__all__ = ["layouts"]

Array = NDArray[Any]


def layouts(subject: Subject) -> Check:
    """Fortran order, strides, negative strides, read-only arrays: the same numbers, the same gradient."""
    found = Verdicts("layouts", subject)
    ways: dict[str, Callable[[Array], Array]] = {
        "in Fortran order": np.asfortranarray,
        "with gaps": lambda x: np.repeat(x, 2, axis=-1)[..., ::2],
        "with negative strides": lambda x: np.ascontiguousarray(x[..., ::-1])[..., ::-1],
        "broadcast from one row": lambda x: np.broadcast_to(x[:1], x.shape),
    }
    if subject.thorough:
        ways["of overlapping memory"] = lambda x: np.lib.stride_tricks.as_strided(
            np.resize(x, x.size * 2), x.shape, (x.itemsize,) * x.ndim
        )
    for point in points(subject)[: None if subject.thorough else 4]:
        call = point.call
        if not any(x.ndim and x.size for x in call.xs):
            continue
        for what, change in ways.items():
            xs = [change(x.copy()) if x.ndim and x.size else x.copy() for x in call.xs]
            plain = call.at([x.copy() for x in xs])
            for x in xs:
                x.flags.writeable = False
            other = call.at(xs, f"{call.origin}, {what}")
            try:
                right = gradient_at(plain, point.us)
            except Exception:  # the values of the new form may be hard for the op, its layout aside
                continue
            if not finite(plain) or not all(np.isfinite(g).all() for g in right):
                continue
            found.seen.append(what)
            try:
                values = arrays(other.outputs(*other.xs))
                got = gradient_at(other, point.us)
            except Exception as error:
                found.add("fail", f"arrays {what}, read-only: {where_raised(error)}\n  in {call.shown}", "layout")
                continue
            if not alike(values, arrays(plain.outputs(*plain.xs))):
                found.add(
                    "fail",
                    f"arrays {what} give other values than the same numbers in order\n  in {call.shown}",
                    "layout",
                )
            elif not alike(got, right):
                found.add(
                    "fail",
                    f"arrays {what} give another gradient than the same numbers in order\n  in {call.shown}",
                    "layout",
                )
        _layouts_of_g(found, point, ways)
        if subject.thorough and len(call.xs) > 1 and len({x.shape for x in call.xs}) == 1 and call.xs[0].size:
            _one_array_for_all(found, point)
    return found.check("x and g in Fortran order, with gaps, negative strides, broadcast, read-only: all the same")


def _layouts_of_g(found: Verdicts, point: Point, ways: dict[str, Callable[[Array], Array]]) -> None:
    """The cotangent comes in any order of memory too, and may be read-only."""
    for what, change in ways.items():
        us = [change(u.copy()) if u.ndim and u.size else u.copy() for u in point.us]
        in_order = [np.ascontiguousarray(u).reshape(u.shape) for u in us]
        for u in us:
            u.flags.writeable = False
        try:
            right = gradient_at(point.call, in_order)
        except Exception:  # the values of the new form may be hard for the rule, its layout aside
            continue
        try:
            same = alike(gradient_at(point.call, us), right)
            how = "another gradient than the same numbers in order"
        except Exception as error:
            same, how = False, where_raised(error)
        if not same:
            found.add("fail", f"a cotangent g {what}, read-only: {how}\n  in {point.call.shown}", "layout")


def _one_array_for_all(found: Verdicts, point: Point) -> None:
    """One array given for every argument, and copies of it: the same."""
    x, call = point.call.xs[0], point.call
    once, copies = call.at([x] * len(call.xs)), call.at([x.copy() for _ in call.xs])
    if not finite(copies):
        return
    found.seen.append("one array for all")
    try:
        right = gradient_at(copies, point.us)
        same = alike(arrays(once.outputs(*once.xs)), arrays(copies.outputs(*copies.xs))) and alike(
            gradient_at(once, point.us), right
        )
    except Exception:  # equal arguments may be hard for the op, its memory aside
        return
    if not same:
        text = (
            f"one array given for {' and '.join(call.names)} gives something else than copies of it\n  in {call.shown}"
        )
        found.add("fail", text, "layout")
