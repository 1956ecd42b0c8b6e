"""What machine code needs beside loops: raw pointers into arrays, and NumPy's BLAS called by its address.

Generated source imports from here; nothing else may, since this needs numba.
"""

# mypy: disable-error-code="misc, untyped-decorator, no-untyped-def, no-untyped-call"

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["dgemm", "float32_at", "float64_at", "moved_float32", "moved_float64", "sgemm", "uint8_at"]

INT, DOUBLE, FLOAT = ir.IntType(64), ir.DoubleType(), ir.FloatType()


def _pointer(dtype):
    """A function of an array and a number of bytes: the pointer to elements of ``dtype`` there."""

    def at(typingctx, array, offset):
        def codegen(context, builder, signature, args):
            struct = context.make_array(signature.args[0])(context, builder, args[0])
            data = builder.bitcast(struct.data, cgutils.voidptr_t)
            moved = builder.gep(data, [args[1]])
            return builder.bitcast(moved, context.get_data_type(dtype).as_pointer())

        return types.CPointer(dtype)(array, types.intp), codegen

    return intrinsic(at)


float64_at = _pointer(types.float64)
float32_at = _pointer(types.float32)
uint8_at = _pointer(types.uint8)


def _moved(dtype):
    """A function of a pointer and a number of bytes: the pointer that many further on."""

    def moved(typingctx, pointer, offset):
        def codegen(context, builder, signature, args):
            at = builder.gep(builder.bitcast(args[0], cgutils.voidptr_t), [args[1]])
            return builder.bitcast(at, context.get_data_type(dtype).as_pointer())

        return types.CPointer(dtype)(pointer, types.intp), codegen

    return intrinsic(moved)


moved_float64 = _moved(types.float64)
moved_float32 = _moved(types.float32)


def _gemm(dtype, number):
    """``c = alpha * a @ b + beta * c`` by the function at ``address``, as cblas has it, row by row."""

    def gemm(typingctx, address, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc):
        def codegen(context, builder, signature, args):
            address, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc = args
            enum = ir.IntType(32)
            pointer = cgutils.voidptr_t
            kinds = [enum, enum, enum, INT, INT, INT, number, pointer, INT, pointer, INT, number, pointer, INT]
            function = builder.inttoptr(address, ir.FunctionType(ir.VoidType(), kinds).as_pointer())
            row_major = ir.Constant(enum, 101)
            orders = [builder.trunc(t, enum) for t in (ta, tb)]
            a, b, c = (builder.bitcast(p, pointer) for p in (a, b, c))
            builder.call(function, [row_major, *orders, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc])
            return context.get_dummy_value()

        p = types.CPointer(dtype)
        i = types.int64
        return types.void(i, i, i, i, i, i, dtype, p, i, p, i, dtype, p, i), codegen

    return intrinsic(gemm)


dgemm = _gemm(types.float64, DOUBLE)
sgemm = _gemm(types.float32, FLOAT)
