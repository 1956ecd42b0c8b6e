"""The same computations in each library, written as its users write them.

The methods of an engine build one `Program` each and are called as the case's kind: ``two_layer``, ``chain``,
``reads``. An engine that lacks a method takes no part in that kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from .nets import TwoLayer

__all__ = ["ENGINES", "FACTOR", "PEERS", "Program"]

FACTOR = 1.0001  # of every link of a chain: a million links end at e^100, inside float64
WIDTH = 4  # elements of the vector that a chain runs on: what is measured is the op, not its arithmetic


@dataclass
class Program:
    step: Callable[[], object]
    result: Callable[[], Sequence[Any]] | None = None  # what all engines must agree on after the same number of steps
    finish: Callable[[], object] = lambda: None  # waits until the steps are done
    start: Sequence[Any] | None = None  # what the result was at first, where its change is what has to agree


class Engine:
    package = "numpy"

    def __init__(self) -> None:
        self.peer: Any = import_module(self.package)


class Gemm(Engine):
    """The five matrix products of a step and nothing else: the floor of whatever calls the same BLAS."""

    def two_layer(self, net: TwoLayer, dtype: str) -> Program:
        x, y, w1, _, w2, _ = net.start(dtype)
        h, g_h = np.ones((2, net.batch, net.hidden), dtype)
        pred, g_w1, g_w2 = map(np.empty_like, (y, w1, w2))
        x_t, h_t, w2_t = x.T, h.T, w2.T

        def step() -> None:
            np.dot(x, w1, h)
            np.dot(h, w2, pred)
            np.dot(h_t, y, g_w2)
            np.dot(y, w2_t, g_h)
            np.dot(x_t, g_h, g_w1)

        return Program(step)


class Hand(Engine):
    """NumPy with the gradients derived by hand. What the others compute is checked against it."""

    def two_layer(self, net: TwoLayer, dtype: str) -> Program:
        start, lr = net.start(dtype), net.rate
        x, y, w1, b1, w2, b2 = map(np.copy, start)

        def step() -> Any:
            h = x @ w1 + b1
            h_relu = np.maximum(h, 0)
            pred = h_relu @ w2 + b2
            difference = pred - y
            error = np.square(difference).sum()

            g_pred = 2 * difference
            g_w2 = h_relu.T @ g_pred
            g_b2 = g_pred.sum(axis=0)
            g_h = g_pred @ w2.T * (h > 0)
            g_w1 = x.T @ g_h
            g_b1 = g_h.sum(axis=0)

            for w, g in ((w1, g_w1), (b1, g_b1), (w2, g_w2), (b2, g_b2)):
                w -= lr * g
            return error

        return Program(step, lambda: (w1, b1, w2, b2), start=start.parameters)

    def chain(self, n: int) -> Program:
        x, g = np.ones(WIDTH), np.ones(WIDTH)

        def step() -> None:
            nonlocal g
            t = x
            for _ in range(n):
                t = t * FACTOR
            g = np.ones_like(t)
            for _ in range(n):
                g = g * FACTOR

        return Program(step, lambda: (g,))

    def reads(self, n: int) -> Program:
        x, g = np.ones(n), np.zeros(n)

        def step() -> None:
            nonlocal g
            total = x[0]
            for i in range(1, n):
                total = total + x[i]
            g = np.zeros_like(x)
            for i in range(n):
                g[i] += 1.0

        return Program(step, lambda: (g,))


class Tinygrad(Engine):
    package = "tinygrad_np"

    def two_layer(self, net: TwoLayer, dtype: str) -> Program:
        relu, square, tensor = self.peer.relu, self.peer.square, self.peer.Tensor
        start, lr = net.start(dtype), net.rate
        x, y = tensor(start.x), tensor(start.y)
        w1, b1, w2, b2 = parameters = [tensor(p, requires_grad=True) for p in start.parameters]

        def step() -> Any:
            pred = relu(x @ w1 + b1) @ w2 + b2
            error = square(pred - y).sum()
            error.backward()
            for w in parameters:
                w.data -= lr * w.grad
                w.grad = None
            return error

        return Program(step, lambda: [w.data for w in parameters])

    def chain(self, n: int) -> Program:
        return _backward(_chain(n), self.peer.Tensor(np.ones(WIDTH), requires_grad=True))

    def reads(self, n: int) -> Program:
        return _backward(_reads(n), self.peer.Tensor(np.ones(n), requires_grad=True))


class Compiled(Engine):
    """The whole step compiled, the parameters donated: updated in place."""

    package = "tinygrad_np"

    def two_layer(self, net: TwoLayer, dtype: str) -> Program:
        relu, square, lr = self.peer.relu, self.peer.square, net.rate
        x, y, *parameters = map(np.copy, net.start(dtype))

        def loss(parameters: Any, x: Any, y: Any) -> Any:
            w1, b1, w2, b2 = parameters
            return square(relu(x @ w1 + b1) @ w2 + b2 - y).sum()

        def update(parameters: Any, x: Any, y: Any) -> Any:
            error, gradients = self.peer.value_and_grad(loss)(parameters, x, y)
            return error, [w - lr * g for w, g in zip(parameters, gradients, strict=True)]

        compiled = self.peer.compile(update, donate="parameters")

        def step() -> None:
            nonlocal parameters
            _, parameters = compiled(parameters, x, y)

        return Program(step, lambda: parameters)


class Torch(Engine):
    package = "torch"

    def __init__(self) -> None:
        super().__init__()
        self.peer.set_num_threads(1)

    def loss(self) -> Callable[..., Any]:
        relu, square = self.peer.relu, self.peer.square

        def loss(x: Any, y: Any, w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
            return square(relu(x @ w1 + b1) @ w2 + b2 - y).sum()

        return loss

    def two_layer(self, net: TwoLayer, dtype: str) -> Program:
        torch, start, lr = self.peer, net.start(dtype), net.rate
        x, y, *parameters = map(torch.from_numpy, start)
        for w in parameters:
            w.requires_grad_()
        loss = self.loss()

        def step() -> Any:
            error = loss(x, y, *parameters)
            error.backward()
            with torch.no_grad():
                for w in parameters:
                    w -= lr * w.grad
                    w.grad = None
            return error

        return Program(step, lambda: [w.detach().numpy() for w in parameters])

    def chain(self, n: int) -> Program:
        return _backward(_chain(n), self._ones(WIDTH))

    def reads(self, n: int) -> Program:
        return _backward(_reads(n), self._ones(n))

    def _ones(self, n: int) -> Any:
        return self.peer.ones(n, dtype=self.peer.float64, requires_grad=True)


class TorchCompile(Torch):
    """Forward and backward compiled, for these shapes; the update is PyTorch's own."""

    def loss(self) -> Callable[..., Any]:
        self.peer.compiler.reset()  # else the second net makes it compile for any shape
        compiled: Callable[..., Any] = self.peer.compile(super().loss(), dynamic=False)
        return compiled

    chain = reads = None  # type: ignore[assignment]  # a loop of that length is not what it compiles


class Jax(Engine):
    """The whole step under jit, the parameters' buffers donated; chains run op by op, under jit they would be one op.

    It takes no part in the reads: op by op, it compiles every index anew, 25 ms apiece.
    """

    package = "jax"

    def __init__(self) -> None:
        super().__init__()
        self.peer.config.update("jax_enable_x64", True)

    def two_layer(self, net: TwoLayer, dtype: str) -> Program:
        jax, lr = self.peer, net.rate
        x, y, *parameters = map(jax.numpy.array, net.start(dtype))
        error = None

        def loss(parameters: Any, x: Any, y: Any) -> Any:
            w1, b1, w2, b2 = parameters
            pred = jax.nn.relu(x @ w1 + b1) @ w2 + b2
            return jax.numpy.square(pred - y).sum()

        def update(parameters: Any, x: Any, y: Any) -> Any:
            error, gradients = jax.value_and_grad(loss)(parameters, x, y)
            return error, [w - lr * g for w, g in zip(parameters, gradients, strict=True)]

        jitted = jax.jit(update, donate_argnums=0)

        def step() -> None:
            nonlocal error, parameters
            error, parameters = jitted(parameters, x, y)

        return Program(step, lambda: [np.asarray(w) for w in parameters], lambda: jax.block_until_ready(parameters))

    def chain(self, n: int) -> Program:
        return _gradient(self.peer.grad, _chain(n), self.peer.numpy.ones(WIDTH))


class Autograd(Engine):
    package = "autograd"

    def two_layer(self, net: TwoLayer, dtype: str) -> Program:
        anp, lr = import_module("autograd.numpy"), net.rate
        x, y, *parameters = net.start(dtype)

        def loss(w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
            pred = anp.maximum(x @ w1 + b1, 0) @ w2 + b2
            return anp.sum(anp.square(pred - y))

        value_and_grad = self.peer.value_and_grad(loss, argnum=(0, 1, 2, 3))

        def step() -> Any:
            error, gradients = value_and_grad(*parameters)
            for w, g in zip(parameters, gradients, strict=True):
                w -= lr * g
            return error

        return Program(step, lambda: parameters)

    def chain(self, n: int) -> Program:
        return _gradient(self.peer.grad, _chain(n), np.ones(WIDTH))

    def reads(self, n: int) -> Program:
        return _gradient(self.peer.grad, _reads(n), np.ones(n))


class MyGrad(Engine):
    """With memory guarding off: faster, and what its own documentation advises for speed."""

    package = "mygrad"

    def __init__(self) -> None:
        super().__init__()
        self.peer.turn_memory_guarding_off()

    def two_layer(self, net: TwoLayer, dtype: str) -> Program:
        mg, lr = self.peer, net.rate
        start = net.start(dtype)
        x, y = start.x, start.y
        w1, b1, w2, b2 = parameters = [mg.tensor(p) for p in start.parameters]

        def step() -> Any:
            pred = mg.maximum(x @ w1 + b1, 0) @ w2 + b2
            error = mg.square(pred - y).sum()
            error.backward()
            for w in parameters:
                w.data -= lr * w.grad
                w.null_grad()
            return error

        return Program(step, lambda: [w.data for w in parameters])

    def chain(self, n: int) -> Program:
        return self._backward(_chain(n), np.ones(WIDTH))

    def reads(self, n: int) -> Program:
        return self._backward(_reads(n), np.ones(n))

    def _backward(self, f: Callable[[Any], Any], start: Any) -> Program:
        x = self.peer.tensor(start)

        def step() -> None:
            x.null_grad()
            f(x).backward()

        return Program(step, lambda: (x.grad,))


def _chain(n: int) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        t = x
        for _ in range(n):
            t = t * FACTOR
        return t.sum()

    return f


def _reads(n: int) -> Callable[[Any], Any]:
    def f(x: Any) -> Any:
        total = x[0]
        for i in range(1, n):
            total = total + x[i]
        return total

    return f


def _backward(f: Callable[[Any], Any], x: Any) -> Program:
    def step() -> None:
        x.grad = None
        f(x).backward()

    return Program(step, lambda: (np.asarray(x.grad),))


def _gradient(grad: Callable[..., Any], f: Callable[[Any], Any], x: Any) -> Program:
    gradient, g = grad(f), None

    def step() -> None:
        nonlocal g
        g = np.asarray(gradient(x))

    return Program(step, lambda: (g,))


ENGINES: dict[str, type[Engine]] = {
    "gemm": Gemm,
    "hand": Hand,
    "tinygrad_np": Tinygrad,
    "compiled": Compiled,
    "torch": Torch,
    "torch.compile": TorchCompile,
    "jax": Jax,
    "autograd": Autograd,
    "mygrad": MyGrad,
}
PEERS = ("torch", "torch.compile", "jax", "autograd", "mygrad")
