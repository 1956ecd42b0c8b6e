"""What is piecewise constant, boolean or integer: declared non-differentiable, so that no gradient is lost unsaid.

Two kinds: `constant` functions give Tensors without a gradient, which a trace records; `passthrough` functions ask
about the arrays themselves, and answer with what NumPy answers: a tuple, a dtype, a bool.
"""

from __future__ import annotations

from .declare import constant, passthrough

COMPARISONS = {
    "greater": "gt", "greater_equal": "ge", "less": "lt", "less_equal": "le", "equal": "eq", "not_equal": "ne",
}  # fmt: skip
BITWISE = {
    "bitwise_and": "and", "bitwise_or": "or", "bitwise_xor": "xor", "left_shift": "lshift", "right_shift": "rshift",
    "invert": "invert",
}  # fmt: skip
SEARCHES = ("argmax", "argmin", "argsort", "argpartition", "nonzero", "searchsorted")

constant(*COMPARISONS, operators=COMPARISONS)
constant("floor_divide", operators={"floor_divide": "floordiv"})
constant(*BITWISE, operators=BITWISE)
constant("logical_and", "logical_or", "logical_not", "logical_xor", "bitwise_count", "gcd", "lcm")
constant("isnan", "isinf", "isfinite", "isposinf", "isneginf", "signbit", "isclose", "iscomplex", "isreal", "isin")
constant("all", "any", method=("all", "any"))
constant("floor", "ceil", "rint", "trunc", "fix", "round", "around", method=("round",))
constant("nextafter", "spacing")
constant(*SEARCHES, method=SEARCHES)
constant("nanargmax", "nanargmin", "argwhere", "flatnonzero", "count_nonzero", "digitize", "lexsort")
constant("linalg.matrix_rank")
constant("intersect1d")  # each element is one of both arrays, and moves out of the other when it moves
constant("histogram", "histogram2d", "histogramdd", "histogram_bin_edges")
constant("unravel_index", "ravel_multi_index", "ix_", "packbits", "unpackbits")
constant("zeros_like", "ones_like", "empty_like")

passthrough("shape", "ndim", "size", "iscomplexobj", "isrealobj", "result_type", "can_cast", "min_scalar_type")
passthrough("common_type", "diag_indices_from", "tril_indices_from", "triu_indices_from", "einsum_path")
passthrough("shares_memory", "may_share_memory")
passthrough("allclose", "array_equal", "array_equiv", "array2string", "array_repr", "array_str", reads=True)
