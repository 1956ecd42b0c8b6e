"""``python -m tinygrad_np``: the command line, as ``tinygrad-np``."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
