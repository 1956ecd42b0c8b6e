"""What is piecewise constant, boolean or integer: declared non-differentiable, so that no gradient is lost unsaid."""

from __future__ import annotations

from .declare import constant, passthrough

COMPARISONS = {"greater": "gt", "greater_equal": "ge", "less": "lt", "less_equal": "le", "equal": "eq", "not_equal": "ne"}

constant(*COMPARISONS, operators=COMPARISONS)
constant("floor_divide", operators={"floor_divide": "floordiv"})
constant("bitwise_and", "bitwise_or", "bitwise_xor", operators={"bitwise_and": "and", "bitwise_or": "or", "bitwise_xor": "xor"})
constant("invert", operators={"invert": "invert"})
constant("left_shift", "right_shift", operators={"left_shift": "lshift", "right_shift": "rshift"})
constant("logical_and", "logical_or", "logical_not", "logical_xor")
constant("isnan", "isinf", "isfinite", "isposinf", "isneginf", "signbit", "isclose", "iscomplex", "isreal", "isin")
constant("sign", "floor", "ceil", "rint", "trunc", "fix", "round", "around", "heaviside", "nextafter", "spacing", method=("round",))
constant("argmax", "argmin", "argsort", "argpartition", "nonzero", method=("argmax", "argmin", "argsort", "argpartition", "nonzero"))
constant("nanargmax", "nanargmin", "argwhere", "flatnonzero", "count_nonzero", "searchsorted", "digitize", "bincount")
constant("all", "any", method=("all", "any"))
constant("unique_counts", "unique_inverse", "histogram", "bitwise_count", "gcd", "lcm", "frexp", "lexsort")
constant("zeros_like", "ones_like", "empty_like")
passthrough("shape", "ndim", "size", "iscomplexobj", "isrealobj", "result_type", "can_cast", "min_scalar_type", "common_type")
passthrough("allclose", "array_equal", "array_equiv")
passthrough("array2string", "array_repr", "array_str", "shares_memory", "may_share_memory", "linalg.matrix_rank")
