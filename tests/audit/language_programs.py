# ruff: noqa  # programs as people write them
"""Right training programs that use much of the language: each returns what it computed, and prints as it goes."""

import functools
from dataclasses import dataclass, field

import numpy as np


gl = 0.1
counter = 0
lam_sq = lambda v: v * v


def g_global(x, y, w):
    global counter
    for _i in range(3):
        counter += 1
        e = x @ w - y
        (e**2).sum()
        w -= gl * 0.1 * 2 * x.T @ e
    return w, counter


def nested_nonlocal(x, y, w):
    n = 0

    def step():
        nonlocal n, w
        n += 1
        e = x @ w - y
        loss = (e * e).mean()
        w = w - 0.1 * 2 * x.T @ e / e.size
        return loss

    out = [step() for _ in range(3)]
    return w, n, out


def with_lambda(x, y, w):
    f = lambda a, b=2: a**b
    act = {"id": lambda z: z, "sq": lam_sq}
    for _i in range(2):
        e = act["id"](x @ w) - y
        loss = np.sum(f(e)) + 0 * act["sq"](1.0)
        w = w - 0.01 * (2 * x.T @ e)
    return w, loss


def timed(f):
    @functools.wraps(f)
    def wrapper(*a, **k):
        print("calling", f.__name__)
        return f(*a, **k)

    return wrapper


@timed
def decorated(x, y, w, lr=0.01):
    for i in range(2):
        e = x @ w - y
        loss = np.sum(e**2)
        w = w - lr * 2 * x.T @ e
        print(f"{i=} {loss:.3f}")
    return w


@np.errstate(all="ignore")
def ctx_decorated(x, y, w, lr=0.01):
    for _i in range(2):
        e = x @ w - y
        np.sum(e**2)
        w = w - lr * 2 * x.T @ e
    return w


def batches(x, y, b):
    for i in range(0, len(x), b):
        yield x[i : i + b], y[i : i + b]


def gen_batches(x, y, w, lr=0.01):
    hist = []
    for _ep in range(2):
        for xb, yb in batches(x, y, 3):
            e = xb @ w - yb
            loss = np.mean(e**2)
            w = w - lr * 2 * xb.T @ e / e.size
            hist.append(loss)
    return w, hist


def tries(x, y, w, lr=0.01):
    for i in range(5):
        try:
            if i == 2:
                raise ValueError("x")
            e = x @ w - y
            np.sum(e**2)
            w -= lr * 2 * (x.T @ e)
        except ValueError as err:
            print("caught", err)
            continue
        finally:
            print("fin")
        if i == 3:
            break
    else:
        print("no break")
    return w


def whiles(x, y, w, lr=0.01):
    i = 0
    while True:
        e = x @ w - y
        loss = np.sum(e**2)
        w -= lr * 2 * (x.T @ e)
        i += 1
        if i >= 4 or loss < 1e-9:
            break
    while i > 0:
        i -= 1
    else:
        print("done")
    return w, i


def walrus(x, y, w, lr=0.01):
    k = 0
    while (k := k + 1) < 4:
        if (loss := np.sum((e := x @ w - y) ** 2)) > 0:
            w = w - lr * 2 * x.T @ e
    return w, k


def star(x, y, w, *rest, lr=0.01, **kw):
    a, *b = [1, 2, 3]
    (c, d), e_ = (1, 2), 3
    xs = [*b, a]
    kws = {**kw, "q": 1}
    for i, (p, q) in enumerate(zip(xs, xs[::-1])):
        r = x @ w - y
        np.sum(r**2)
        w = w - lr * 2 * x.T @ r
    print(a, b, c, d, e_, xs, kws, rest, i, p, q)
    return w


class Net:
    count = 0

    def __init__(self, d, k, rng):
        self.__w = rng.normal(size=(d, k))
        self.b = np.zeros(k)
        self.hist = []

    @property
    def w(self):
        return self.__w

    @staticmethod
    def act(z):
        return np.maximum(z, 0)

    @classmethod
    def inc(cls):
        cls.count += 1

    def forward(self, x):
        self.x = x
        self.z = x @ self.__w + self.b
        return self.act(self.z)

    def backward(self, dy):
        dz = dy * (self.z > 0)
        self.dw = self.x.T @ dz
        self.db = dz.sum(0)

    def __call__(self, x):
        return self.forward(x)

    def step(self, x, y, lr=0.1):
        for _ in range(3):
            self.inc()
            p = self(x)
            loss = ((p - y) ** 2).mean()
            self.backward(2 * (p - y) / p.size)
            self.__w -= lr * self.dw
            self.b -= lr * self.db
            self.hist.append(float(loss))
        return self.hist, self.__w.copy()


class Sub(Net):
    def forward(self, x):
        return super().forward(x)


def classes(x, y, w):
    n = Sub(x.shape[1], y.shape[1], np.random.default_rng(3))
    return n.step(x, y)


@dataclass
class P:
    w: np.ndarray
    lr: float = 0.1
    log: list = field(default_factory=list)


def dataclasses_(x, y, w):
    p = P(w)
    for _i in range(3):
        e = x @ p.w - y
        loss = 0.5 * np.sum(e**2)
        p.w = p.w - p.lr * 0.1 * (x.T @ e)
        p.log.append(loss)
    return p.w, p.log


def ints(x, y, w):
    s = 0
    for i in range(3):
        s += i
        s -= 1
        s *= 2
        s //= 1
        l = [1, 2]
        l += [3]
        l *= 2
        t = (1,)
        t += (2,)
        st = "a"
        st += "b"
        dd = {"a": 1}
        dd["a"] += 1
        dd |= {"c": 3}
        e = x @ w - y
        np.sum(e**2)
        w = w - 0.01 * 2 * x.T @ e
    return (
        s,
        l,
        t,
        st,
        dd,
        w,
        [q for q in range(4) if q % 2],
        {q: q * q for q in range(3)},
        set("ab"),
        sum(q for q in range(5)),
        max(3, *l),
        (1 < s < 3),
        (5),
        (0),
        not s,
    )


def deletion(x, y, w):
    for _i in range(2):
        e = x @ w - y
        tmp = e**2
        loss = tmp.sum()
        del tmp
        assert loss >= 0, "neg"
        w = w - 0.01 * 2 * x.T @ e
    return w, "tmp" in locals(), sorted(k for k in vars() if not k.startswith("_"))


def comps(x, y, w):
    Ws = [w.copy(), np.eye(y.shape[1])]
    for _ep in range(3):
        acts = [x]
        for W in Ws:
            acts.append(acts[-1] @ W)
        0.5 * np.sum((acts[-1] - y) ** 2)
        d = acts[-1] - y
        grads = [None] * 2
        for l in reversed(range(2)):
            grads[l] = acts[l].T @ d
            d = d @ Ws[l].T
        Ws = [W - 0.001 * g for W, g in zip(Ws, grads)]
    return Ws


def match_stmt(x, y, w):
    for i in range(2):
        match i:
            case 0:
                k = 1
            case _:
                k = 2
        e = x @ w - y
        np.sum(e**2)
        w = w - 0.01 * 2 * x.T @ e
    return w, k


PROGRAMS = [
    g_global,
    nested_nonlocal,
    with_lambda,
    decorated,
    ctx_decorated,
    gen_batches,
    tries,
    whiles,
    walrus,
    star,
    classes,
    dataclasses_,
    ints,
    deletion,
    comps,
    match_stmt,
]
