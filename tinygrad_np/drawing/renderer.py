"""The program that lays a drawing out: Graphviz' ``dot``, else ``graphviz-pure``, which pip installs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig

__all__ = ["FORMATS", "NoRendererError", "rendered"]

FORMATS = ("svg", "png", "pdf")
INSTALL = 'install Graphviz (apt install graphviz, brew install graphviz) or pip install "tinygrad_np[dot]"'


class NoRendererError(RuntimeError):
    """No program that lays out DOT was found."""


def _program(form: str) -> str:
    dot = shutil.which("dot")
    if dot is not None:
        return dot
    beside = (os.path.dirname(sys.executable), sysconfig.get_path("scripts"))  # of an environment not activated
    pure = shutil.which("graphviz-pure") or shutil.which("graphviz-pure", path=os.pathsep.join(beside))
    if pure is None:
        raise NoRendererError(
            f"{form.upper()} needs a layout program, and neither `dot` nor `graphviz-pure` was found: {INSTALL}"
        )
    if form == "pdf":
        raise NoRendererError(
            "PDF needs Graphviz' `dot`, and only `graphviz-pure` was found: install Graphviz, or render .svg or .png"
        )
    return pure


def rendered(source: str, form: str, timeout: float = 120) -> bytes:
    """DOT text as an SVG, PNG or PDF file.

    Raises
    ------
    NoRendererError
        If no layout program is there, or none that does this format.
    RuntimeError
        If the program fails or is not done after ``timeout`` seconds.
    """
    program = _program(form)
    try:
        done = subprocess.run([program, f"-T{form}"], input=source.encode(), capture_output=True, timeout=timeout)
    except subprocess.TimeoutExpired:
        raise RuntimeError(
            f"{program} was not done with this drawing after {timeout:g} s: draw fewer nodes, draw(..., max_nodes=100)"
        ) from None
    except OSError as error:
        raise RuntimeError(f"{program} could not be run: {error}") from None
    if done.returncode != 0 or not done.stdout:
        said = done.stderr.decode(errors="replace").strip() or f"exit status {done.returncode}"
        raise RuntimeError(f"{program} could not make {form.upper()} of this drawing: {said:.400}")
    return done.stdout
