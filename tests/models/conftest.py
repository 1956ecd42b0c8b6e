"""The models are not installed: they are found in the checkout, after whatever is."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))
