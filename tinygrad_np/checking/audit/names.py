"""What a variable is called, and the gradient of what its name claims it to be."""

from __future__ import annotations

import re

__all__ = ["claims_of", "is_loss_name", "is_rate_name"]

BEFORE = re.compile(
    r"^(?:delta_?|nabla_?|d(?:L|E|J|C|loss|cost|err|error|l|e)?_?d_?|grads?_?|gradient_?|gradients_?|g_|d_|d|g|D_?|"
    r"(?:total|acc|sum|new|avg|mean)_(?:d|g|grad)_?)(?P<rest>.+)$"
)
AFTER = re.compile(r"^(?P<rest>.+?)_?(?:grads?|gradients?|_bar|_adj|delta)$")
LOSS = re.compile(
    r"(^|_)(loss|cost|error|err|mse|nll|objective|obj|energy|ce|xent|sse|rss|crossentropy|cross_entropy|bce|risk|"
    r"criterion|l|j|e)(_|$|\d)",
    re.IGNORECASE,
)
NOT_LOSS = re.compile(r"(val|valid|test|eval|best|prev|old|last|avg|mean_loss|running|history|hist)", re.IGNORECASE)
RATE = re.compile(r"(^|_)(lr|learning_?rate|eta|alpha|step|step_?size|rate|stepsize)(_|$|\d)", re.IGNORECASE)


def claims_of(name: str) -> set[str]:
    """The names of which ``name`` may be the gradient, normalised: ``dW1``, ``grad_w1`` and ``w1_grad`` give w1."""
    found = set()
    for pattern in (BEFORE, AFTER):
        m = pattern.match(name)
        if m:
            found.add(normalised(m.group("rest")))
    return found


def normalised(name: str) -> str:
    return name.replace("_", "").lower()


def is_loss_name(name: str) -> bool:
    return bool(name) and LOSS.search(name) is not None and NOT_LOSS.search(name) is None


def is_rate_name(name: str) -> bool:
    return bool(name) and RATE.search(name) is not None
