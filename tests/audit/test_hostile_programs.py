"""What cannot be audited ends in one clear line; the program around it loses nothing."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tinygrad_np.checking.audit import AuditError, audit, audit_call, audit_script

X, Y = np.arange(6.0).reshape(3, 2), np.ones(3)


def raises_in_the_middle(w: Any) -> Any:
    loss = np.sum((X @ w - Y) ** 2)
    return loss / undefined  # type: ignore[name-defined]  # noqa: F821


def never_ends(w: Any) -> Any:
    while True:
        error = X @ w - Y
        loss = np.sum(error**2)
        w = w - 1e-3 * 2 * X.T @ error
        assert loss >= 0


def a_generator(w: Any) -> Iterator[Any]:
    yield w


async def asynchronous(w: Any) -> Any:
    return w


def no_loss(w: Any) -> Any:
    for _ in range(2):
        w = w - 0.01 * 2 * X.T @ (X @ w - Y)
    return w


def unfollowed(w: Any) -> Any:
    z = np.vectorize(float.__abs__)(X @ w)
    error = z - Y
    loss = np.sum(error**2)
    w -= 0.1 * X.T @ error
    return loss


class Holder:
    def __init__(self) -> None:
        self.w = np.zeros(2)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (a_generator, "is a generator"),
        (asynchronous, "is asynchronous"),
        (no_loss, "no scalar loss found"),
        (np.sum, "part of a library"),
        (print, "no Python function"),
        (Holder, "is a class: audit the method"),
        (3, "no Python function"),
        (eval("lambda w: w"), "source of <lambda> is not at hand"),
        (unfollowed, "cannot be followed"),
    ],
)
def test_one_clear_line(program: Any, words: str) -> None:
    with pytest.raises(AuditError, match=words) as caught:
        audit(program, np.zeros(2))
    assert "\n" not in str(caught.value)


def test_an_exception_of_the_program_keeps_its_own_traceback() -> None:
    with pytest.raises(AuditError, match="raised NameError") as caught:
        audit(raises_in_the_middle, np.zeros(2))
    cause = caught.value.__cause__
    assert isinstance(cause, NameError)
    files = []
    tb = cause.__traceback__
    while tb is not None:
        files.append(tb.tb_frame.f_code.co_filename)
        tb = tb.tb_next
    assert files == [__file__]


def test_control_c_ends_an_endless_loop() -> None:
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(AuditError, match="interrupted"):
        audit(never_ends, np.zeros(2))
    timer.join()


def test_what_the_function_returned_is_not_lost() -> None:
    with pytest.raises(AuditError) as caught:
        audit_call(no_loss, (np.zeros(2),))
    assert caught.value.ran
    assert np.array_equal(caught.value.result, no_loss(np.zeros(2)))


def test_a_loss_can_be_an_expression() -> None:
    source = "for i in range(3):\n    e = x @ w - y\n    w = w - 0.01 * x.T @ e\n"
    start = {"x": X, "y": Y, "np": np}
    assert audit_script(source, "a.py", {**start, "w": np.zeros(2)}, loss="0.5 * np.sum(e**2)").ok
    found = audit_script(source, "a.py", {**start, "w": np.zeros(2)}, loss="np.sum(e**2)").findings
    assert [(f.line, f.kind) for f in found] == [(3, "factor")]
    with pytest.raises(AuditError, match="no scalar called 'cost'"):
        audit_script(source, "a.py", {**start, "w": np.zeros(2)}, loss="cost")
    with pytest.raises(AuditError, match="neither a variable nor an expression"):
        audit_script(source, "a.py", {**start, "w": np.zeros(2)}, loss="e +")


def test_a_script_leaves_nothing_behind() -> None:
    names = {"np": np, "x": X, "y": Y, "w": np.zeros(2)}
    audit_script(
        "for i in range(2):\n    e = x @ w - y\n    l = (e * e).sum()\n    w -= 0.1 * 2 * x.T @ e\n", "a.py", names
    )
    assert sorted(k for k in names if not k.startswith("__")) == ["e", "i", "l", "np", "w", "x", "y"]
