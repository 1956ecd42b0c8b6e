"""Shared by all tests."""

import os

# Before numpy is imported: two workers with two BLAS threads each would fight over two cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
