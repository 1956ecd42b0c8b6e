"""Products of vectors, matrices and arrays of them: `matmul`, `einsum`, and what is made of these two."""

from __future__ import annotations

from functools import lru_cache
from math import prod

import numpy as np

from .declare import composite, op
from .elementwise import astype, conjugate

ascii_lowercase = "abcdefghijklmnopqrstuvwxyz"  # as in string, which takes longer to load than this room
ascii_uppercase = ascii_lowercase.upper()
ascii_letters = ascii_lowercase + ascii_uppercase


def as_arrays(*xs):
    """Lists and numbers as arrays; arrays and Tensors as they are."""
    return [x if hasattr(x, "dtype") else np.asarray(x) for x in xs]


def conj(x):
    """The conjugate of what is complex; anything else as it is."""
    return conjugate(x) if x.dtype.kind == "c" else x


@op(
    np=("matmul", "linalg.matmul"),
    operator="matmul",
    tex="{0} {1}",
    samples=[
        ((3, 4), (4, 2)),
        ((4,), (4,)),
        ((3, 4), (4,)),
        ((4,), (4, 2)),
        ((2, 3, 4), (4, 2)),
        ((3, 4), (2, 4, 3)),
        ((2, 2, 3, 4), (4,)),
        ((4,), (2, 2, 4, 3)),
        ((2, 1, 3, 2), (4, 2, 3)),
        ((2, 0), (0, 3)),
        ((0, 2, 3), (3, 2)),
    ],
)
def matmul(a, b):
    """Matrix product, batched over leading axes, as `numpy.matmul`; cotangents g b^T and a^T g."""
    try:
        return np.matmul(a, b)
    except ValueError as error:
        raise ValueError(_sizes_differ(np.shape(a), np.shape(b)) or str(error)) from None


def _sizes_differ(a, b):
    """What is wrong with these shapes and what may have been meant; None if their inner sizes agree."""
    if not a or not b or a[-1] == b[-2 if len(b) > 1 else 0]:
        return None
    inner = b[-2 if len(b) > 1 else 0]
    hints = []
    if len(a) > 1 and a[-2] == inner:
        hints.append("a.T @ b")
    if len(b) > 1 and b[-1] == a[-1]:
        hints.append("a @ b.T")
    if len(a) > 1 and len(b) > 1 and b[-1] == a[-2]:
        hints.append("b @ a")
    text = f"the inner sizes {a[-1]} and {inner} differ"
    return text + (f". Did you mean {' or '.join(hints)}?" if hints else "")


def _matmul_a(g, _y, _a, b):
    if _a.ndim > 1:
        return g @ b.T if b.ndim == 2 else g @ b.mT if b.ndim > 1 else g[..., None] * b
    if b.ndim == 1:
        return g * b
    return b @ g if b.ndim == 2 else np.sum((b @ g[..., None])[..., 0], axis=tuple(range(b.ndim - 2)))


def _matmul_b(g, _y, a, _b):
    if a.ndim == 1:
        return a * g if _b.ndim == 1 else a[:, None] * g[..., None, :]
    if a.ndim == 2 and _b.ndim < 3:
        return a.T @ g
    if _b.ndim > 2:
        return a.mT @ g
    rows = prod(a.shape[:-1])  # a batch times one matrix: a single product of all rows, and no sum over the batch
    return a.reshape(rows, a.shape[-1]).T @ g.reshape(rows, *_b.shape[1:])


matmul.defvjp(_matmul_a, _matmul_b, linear="each").broadcasting(core_dims=2)


# Einstein's summation. What NumPy lets one leave out is filled in first; the primitive sees "ij,jk->ik" and no dots.


@op(
    tex=r"\operatorname{{einsum}}({0}, \dots)",
    samples=[
        ((2, 3), (3, 4), {"subscripts": "ij,jk->ik"}),
        ((3, 3), {"subscripts": "ii->i"}),
        ((2, 3, 2), {"subscripts": "iji->j"}),
        ((2, 3, 2), {"subscripts": "iji->"}),
        ((2, 3), (3,), {"subscripts": "ij,k->i"}),
        ((2, 3), (1, 2), {"subscripts": "ij,ki->jk"}),
        ((1, 3), (2, 3), {"subscripts": "ij,ij->j"}),
        ((2, 3), (3, 2), (2, 2), {"subscripts": "ij,jk,kl->il", "optimize": True}),
    ],
    view=True,
)
def _einsum(*operands, subscripts, optimize=False):
    return np.einsum(subscripts, *operands, optimize=optimize)


def _einsum_vjp(g, _y, *operands, subscripts, optimize, argnum):
    """An einsum again: of g and the other operands, with the subscripts of the output and of this operand exchanged.

    An index that only this operand has is spread by a vector of ones, a repeated one laid on the diagonal by an
    identity matrix, and the axis of size one that was broadcast is summed.
    """
    inputs, output = subscripts.split("->")
    terms = inputs.split(",")
    shape, term, target = operands[argnum].shape, terms[argnum], ""
    size = _label_sizes(terms, operands)
    terms = [output, *terms[:argnum], *terms[argnum + 1 :]]
    values = [g, *operands[:argnum], *operands[argnum + 1 :]]
    elsewhere = _label_sizes(terms, values)
    unused = iter(sorted(set(ascii_letters) - set(subscripts)))
    for label, n in zip(term, shape, strict=True):
        if n != size[label]:
            continue
        if label in target:
            twin = next(unused)
            terms.append(label + twin)
            values.append(np.eye(n, dtype=g.dtype))
            label = twin
        elif elsewhere.get(label) != n:
            terms.append(label)
            values.append(np.ones(n, g.dtype))
        target += label
    path = optimize if isinstance(optimize, bool | str) else True  # a path given in full is one for the forward pass
    return np.reshape(np.einsum(",".join(terms) + "->" + target, *values, optimize=path), shape)


_einsum.defvjp(_einsum_vjp, linear="each")


def _label_sizes(terms, operands):
    """The size of each index; one that meets size 1 in an operand is broadcast there."""
    sizes = {}
    for term, a in zip(terms, operands, strict=True):
        for label, n in zip(term, a.shape, strict=True):
            sizes[label] = n if sizes.get(label, 1) == 1 else sizes[label]
    return sizes


def _from_lists(args):
    """The form ``(a, [0, 1], b, [1, 2], [0, 2])`` as a string and its operands; numbers sort as their letters do."""
    letters = ascii_uppercase + ascii_lowercase

    def term(labels):
        return "".join("..." if i is Ellipsis else letters[i] for i in labels)

    pairs = len(args) // 2
    text = ",".join(term(args[2 * i + 1]) for i in range(pairs))
    return text + ("->" + term(args[-1]) if len(args) % 2 else ""), args[0 : 2 * pairs : 2]


@lru_cache(maxsize=1024)
def _explicit(text, shapes):
    """Subscripts with an output and no ellipsis, for operands of these shapes."""
    text = text.replace(" ", "")
    inputs, arrow, output = text.partition("->")
    terms = inputs.split(",")
    if len(terms) != len(shapes):
        raise ValueError(f"einsum: {text!r} has subscripts for {len(terms)} operands; got {len(shapes)}")
    widths = [len(s) - len(t.replace("...", "")) for t, s in zip(terms, shapes, strict=True)]
    for t, s, width in zip(terms, shapes, widths, strict=True):
        if width < 0 or (width > 0 and "..." not in t):
            raise ValueError(f"einsum: the subscripts {t!r} in {text!r} do not fit an operand of shape {s}")
    dots = "".join(sorted(set(ascii_letters) - set(text))[: max(widths, default=0)])
    letters = inputs.replace("...", "").replace(",", "")
    if not arrow:
        output = "..." + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    elif dots and "..." not in output:
        raise ValueError(
            f"einsum: the output in {text!r} leaves out the axes under the ellipsis: write '...' there too"
        )
    terms = [t.replace("...", dots[len(dots) - width :]) for t, width in zip(terms, widths, strict=True)]
    return ",".join(terms) + "->" + output.replace("...", dots)


@composite(
    np=True,
    tex=r"\operatorname{{einsum}}({0}, \dots)",
    samples=[
        ("ij,jk", (2, 3), (3, 2)),
        ("ba", (2, 3)),
        ("...ij,...jk->...ik", (2, 2, 3), (3, 2)),
        ("i...,i...", (2, 3), (2, 1)),
        ("ii", (3, 3)),
        ("ij,ij,kj->ik", (2, 3), (2, 3), (2, 3), {"optimize": "greedy"}),
        ((2, 3), [0, 1], (3, 2), [1, 2], [2, 0]),
        ((2, 3), [0, Ellipsis], (2, 2), [0, 1]),
    ],
)
def einsum(*operands, optimize=False, dtype=None, order="K", casting="safe"):
    """Einstein's summation in every form of `numpy.einsum`.

    Output given or implied, ellipsis, an index twice in one operand (a diagonal), an index in one operand only (a
    sum), any number of operands, subscripts as a string or as lists of ints. Linear in each operand; each cotangent
    is an einsum of g and the other operands. ``order`` and ``casting`` are taken and change nothing.
    """
    if isinstance(operands[0], str):
        text, operands = operands[0], operands[1:]
    else:
        text, operands = _from_lists(operands)
    arrays = as_arrays(*operands)
    if dtype is not None:
        arrays = [astype(a, dtype=np.dtype(dtype)) for a in arrays]
    return _einsum(*arrays, subscripts=_explicit(text, tuple(a.shape for a in arrays)), optimize=optimize)


# Products that NumPy names


@composite(
    np=True,
    method=True,
    tex="{0} {1}",
    samples=[((3,), (3,)), ((2, 3), (3,)), ((2, 3), (3, 2)), ((2, 2, 3), (2, 3, 2)), ((), (2,)), ((2, 3), ())],
)
def dot(a, b):
    """Sum over the last axis of ``a`` and the last but one of ``b``; of numbers, their product."""
    a, b = as_arrays(a, b)
    if a.ndim == 0 or b.ndim == 0:
        return np.multiply(a, b)
    return matmul(a, b) if b.ndim <= 2 else tensordot(a, b, (-1, -2))


@composite(np=True, tex=r"\overline{{{0}}} \cdot {1}", samples=[((3,), (3,)), ((2, 3), (2, 3)), ((), ())])
def vdot(a, b):
    """Sum of ``conj(a) * b`` over all elements."""
    a, b = as_arrays(a, b)
    return matmul(np.reshape(conj(a), a.size), np.reshape(b, b.size))


@composite(
    np=True, tex=r"{0} {1}^{{\mathsf T}}", samples=[((3,), (3,)), ((2, 3), (3,)), ((2, 2, 3), (2, 2, 3)), ((), (2,))]
)
def inner(a, b):
    """Sum over the last axes of both; of numbers, their product."""
    a, b = as_arrays(a, b)
    if a.ndim == 0 or b.ndim == 0:
        return np.multiply(a, b)
    return matmul(a, b) if b.ndim == 1 else tensordot(a, b, (-1, -1))


@composite(np=("outer", "linalg.outer"), tex=r"{0} {1}^{{\mathsf T}}", samples=[((3,), (2,)), ((0,), (2,))])
def outer(a, b):
    """All products of an element of ``a`` with one of ``b``, both read flat."""
    a, b = as_arrays(a, b)
    return np.multiply(np.reshape(a, (a.size, 1)), np.reshape(b, (1, b.size)))


@composite(
    np=("tensordot", "linalg.tensordot"),
    tex=r"{0} \cdot {1}",
    samples=[
        ((2, 3), (3, 2), {"axes": 1}),
        ((2, 3), (2, 3)),
        ((2,), (3,), {"axes": 0}),
        ((2, 3, 4), (4, 2), {"axes": ((0, -1), (1, 0))}),
        ((2, 0), (0, 3), {"axes": 1}),
    ],
)
def tensordot(a, b, axes=2):
    """Sum over pairs of axes: the last ``axes`` of ``a`` with the first of ``b``, or two lists of axes."""
    a, b = as_arrays(a, b)
    if np.ndim(axes) == 0:
        over_a, over_b = range(a.ndim - axes, a.ndim), range(axes)
    else:
        over_a, over_b = (tuple(x) if np.iterable(x) else (x,) for x in axes)
    over_a = np.lib.array_utils.normalize_axis_tuple(over_a, a.ndim)
    over_b = np.lib.array_utils.normalize_axis_tuple(over_b, b.ndim)
    if [a.shape[i] for i in over_a] != [b.shape[i] for i in over_b]:
        raise ValueError(f"tensordot: shapes {a.shape} and {b.shape} differ along the axes {over_a} and {over_b}")
    kept_a = tuple(i for i in range(a.ndim) if i not in over_a)
    kept_b = tuple(i for i in range(b.ndim) if i not in over_b)
    summed = prod(a.shape[i] for i in over_a)
    rows, columns = [a.shape[i] for i in kept_a], [b.shape[i] for i in kept_b]
    left = np.reshape(_ordered(a, kept_a + over_a), (prod(rows), summed))
    right = np.reshape(_ordered(b, over_b + kept_b), (summed, prod(columns)))
    return np.reshape(matmul(left, right), (*rows, *columns))


def _ordered(a, axes):
    return a if axes == tuple(range(a.ndim)) else np.transpose(a, axes)


@composite(
    np=("vecdot", "linalg.vecdot"),
    tex=r"\overline{{{0}}} \cdot {1}",
    samples=[((3,), (3,)), ((2, 3), (3,)), ((2, 1, 3), (4, 3)), ((3, 2), (3, 2), {"axis": 0})],
)
def vecdot(x1, x2, axis=-1, keepdims=False):
    """Sum of ``conj(x1) * x2`` along an axis, batched over the others."""
    x1, x2 = (x if axis == -1 else np.moveaxis(x, axis, -1) for x in as_arrays(x1, x2))
    y = matmul(conj(x1)[..., None, :], x2[..., :, None])[..., 0, 0]
    return np.expand_dims(y, axis) if keepdims else y


@composite(
    np="matvec", tex="{0} {1}", samples=[((3, 2), (2,)), ((2, 3, 2), (2,)), ((3, 2), (4, 2)), ((2, 1, 3, 2), (4, 2))]
)
def matvec(x1, x2):
    """Matrices times vectors: the last two axes of ``x1`` with the last of ``x2``, batched over the others."""
    x1, x2 = as_arrays(x1, x2)
    if x1.ndim < 2 or x2.ndim < 1:
        raise ValueError(f"matvec takes matrices and vectors; got shapes {x1.shape} and {x2.shape}")
    return matmul(x1, x2[..., None])[..., 0]


@composite(np="vecmat", tex=r"\overline{{{0}}} {1}", samples=[((3,), (3, 2)), ((4, 3), (3, 2)), ((3,), (2, 3, 2))])
def vecmat(x1, x2):
    """Vectors, conjugated, times matrices: the last axis of ``x1`` with the last two of ``x2``, batched."""
    x1, x2 = as_arrays(x1, x2)
    if x1.ndim < 1 or x2.ndim < 2:
        raise ValueError(f"vecmat takes vectors and matrices; got shapes {x1.shape} and {x2.shape}")
    return matmul(conj(x1)[..., None, :], x2)[..., 0, :]


@op(tex=r"{0} \times {1}", samples=[((3,), (3,)), ((2, 3), (3,)), ((2, 1, 3), (4, 3))])
def _cross(a, b):
    """Cross product of vectors of three along the last axis; cotangents b x g and g x a."""
    return np.cross(a, b)


_cross.defvjp(
    lambda g, _y, _a, b: _cross(b, g), lambda g, _y, a, _b: _cross(g, a), linear="each"
).broadcasting(core_dims=1)  # fmt: skip


@composite(
    np=("cross", "linalg.cross"),
    tex=r"{0} \times {1}",
    samples=[((3,), (3,)), ((2, 3), (1, 3)), ((3, 2), (3, 2), {"axis": 0})],
)
def cross(a, b, axisa=-1, axisb=-1, axisc=-1, axis=None):
    """Cross product of vectors of three along an axis. Of vectors of two, as `numpy.cross` takes them, the third is 0;
    where both are of two the result is that third component alone.
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = as_arrays(a, b)
    a, b = (x if i in (-1, x.ndim - 1) else np.moveaxis(x, i, -1) for x, i in ((a, axisa), (b, axisb)))
    if {a.shape[-1], b.shape[-1]} - {2, 3}:
        raise ValueError(f"cross takes vectors of 2 or 3; got {a.shape[-1]} and {b.shape[-1]}")
    if a.shape[-1] == b.shape[-1] == 2:
        return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    y = _cross(*(x if x.shape[-1] == 3 else np.concatenate([x, np.zeros_like(x[..., :1])], axis=-1) for x in (a, b)))
    return y if axisc in (-1, y.ndim - 1) else np.moveaxis(y, -1, axisc)


@composite(np=True, tex=r"{0} \otimes {1}", samples=[((2, 3), (3, 2)), ((2,), (2, 3)), ((2, 1, 2), (3,)), ((), (2, 2))])
def kron(a, b):
    """Kronecker product: ``a`` with each element replaced by its product with ``b``."""
    a, b = as_arrays(a, b)
    n = max(a.ndim, b.ndim)
    left, right = ((1,) * (n - x.ndim) + x.shape for x in (a, b))
    y = np.multiply(
        np.reshape(a, [k for size in left for k in (size, 1)]), np.reshape(b, [k for size in right for k in (1, size)])
    )
    return np.reshape(y, [p * q for p, q in zip(left, right, strict=True)])
