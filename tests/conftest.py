"""Shared by all tests: the helper modules beside them are importable."""

import sys
from pathlib import Path

for folder in ("", "ops"):
    sys.path.insert(0, str(Path(__file__).parent / folder))
