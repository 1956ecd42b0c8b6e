"""The graph as a picture.

    draw(loss).render("loss.svg")               what led to a Tensor
    draw(f, x, w, grads=True).save("f.dot")     what a function does with these arguments, and what comes back
    print(draw(loss))                           in the terminal
    draw(loss, grads=True).to_html("loss.html") a page to look around in and to step through
    plot(history, "loss.svg")                   losses, comparisons and audits, by matplotlib

README.md beside this file says what each module does, and what the JSON of a drawing holds.
"""

from .charts import plot
from .drawing import Drawing, draw, mimebundle
from .renderer import NoRendererError

__all__ = ["Drawing", "NoRendererError", "draw", "mimebundle", "plot"]
