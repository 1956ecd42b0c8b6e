"""Command-line arguments of the examples: what is wrong is said in one line, exit status 2."""

from __future__ import annotations

import argparse
import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

__all__ = ["Parser", "directory", "whole"]


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def whole(least: int, most: float = math.inf) -> Callable[[str], int]:
    """The type of an argument that is a whole number in this range."""

    def number(text: str) -> int:
        try:
            n = int(text)
        except ValueError:
            n = least - 1
        if not least <= n <= most:
            which = f"{least} or more" if most == math.inf else f"{least} to {most}"
            raise argparse.ArgumentTypeError(f"must be a whole number, {which}; got {text!r}")
        return n

    return number


def directory(text: str) -> Path:
    """The type of an argument that is a directory to write into; made if need be, and tried."""
    path = Path(text)
    try:
        path.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=path).close()
    except OSError as reason:
        raise argparse.ArgumentTypeError(f"cannot write into {text!r}: {reason.strerror}") from None
    return path
