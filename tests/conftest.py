"""Shared by all tests."""

import os

# Before numpy is imported: two workers with two BLAS threads each would fight over two cores.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from hypothesis import settings  # after the environment is set

settings.register_profile("shared", deadline=None)  # a machine that others use too takes its time
settings.load_profile("shared")
