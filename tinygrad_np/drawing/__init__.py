"""The graph as a picture.

    draw(loss).render("loss.svg")           what led to a Tensor
    draw(f, x, w).save("f.dot")             what a function does with these arguments

``picture.py`` decides what is shown, ``dot.py`` how it looks, ``renderer.py`` finds a program that lays it out.
"""

from .drawing import Drawing, draw
from .renderer import NoRendererError

__all__ = ["Drawing", "NoRendererError", "draw"]
