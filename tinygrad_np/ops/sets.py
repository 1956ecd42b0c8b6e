"""Arrays as sets: the elements without repetition, and what two arrays share or do not.

The places come from NumPy and carry no gradient; the elements are taken from there, and of equal ones the first in
the array takes the gradient.
"""

from __future__ import annotations

import numpy as np

from .declare import _constant, composite
from .indexing import getitem
from .reduce import as_array

_unique = _constant(np.unique)


@composite(
    np=True, samples=[((4,),), ((2, 3),), (np.array([0.5, -1.0, 2.5]), {"return_index": True}), ((3, 2), {"axis": 0})]
)
def unique(
    ar, return_index=False, return_inverse=False, return_counts=False, axis=None, *, equal_nan=True, sorted=True
):
    """The distinct elements, sorted; of equal ones the first in ``ar`` takes the gradient.

    With ``axis`` the distinct slices along it. Indices, inverse and counts are constants.
    """
    ar = as_array(ar)
    _, index, *rest = _unique(ar, True, return_inverse, return_counts, axis, equal_nan=equal_nan)
    values = np.take(ar, index, axis=axis)
    given = ([index] if return_index else []) + rest
    return (values, *given) if given else values


def _named(f, *parts):
    """What ``f`` of NumPy gives: a named tuple."""
    return type(f(np.zeros(1)))(*parts)


@composite(np=True, samples=[((2, 3),)])
def unique_values(x):
    """The distinct elements, sorted, which NumPy does not promise; every NaN counts as one of its own."""
    return unique(x, equal_nan=False)


@composite(np=True, samples=[((2, 3),)])
def unique_counts(x):
    """The distinct elements as ``.values``, and how often each is there as ``.counts``."""
    return _named(np.unique_counts, *unique(x, return_counts=True, equal_nan=False))


@composite(np=True, samples=[((2, 3),)])
def unique_inverse(x):
    """The distinct elements as ``.values``, and where each element of ``x`` is among them as ``.inverse_indices``."""
    return _named(np.unique_inverse, *unique(x, return_inverse=True, equal_nan=False))


@composite(np=True, samples=[((2, 3),)])
def unique_all(x):
    """``.values``, ``.indices``, ``.inverse_indices`` and ``.counts`` of the distinct elements."""
    return _named(np.unique_all, *unique(x, True, True, True, equal_nan=False))


@composite(np=True, samples=[((3,), (2, 2))])
def union1d(ar1, ar2):
    """The distinct elements of both, sorted; of one that is in both the first takes the gradient."""
    return unique(np.append(ar1, ar2))


@composite(np=True, samples=[((3,), (2,)), ((2, 2), np.array([1, 2]), True)])
def setdiff1d(ar1, ar2, assume_unique=False):
    """The distinct elements of ``ar1`` that are not in ``ar2``, which gets no gradient."""
    own = np.ravel(ar1) if assume_unique else unique(ar1)
    return getitem(own, np.isin(own, ar2, invert=True))


@composite(np=True, samples=[((3,), (2,)), ((3,), (2,), {"assume_unique": True})])
def setxor1d(ar1, ar2, assume_unique=False):
    """The distinct elements that are in one of both alone, sorted."""
    both = np.append(ar1, ar2) if assume_unique else np.append(unique(ar1), unique(ar2))
    values, counts = unique(both, return_counts=True)
    return getitem(values, counts == 1)
