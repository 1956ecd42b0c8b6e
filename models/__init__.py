"""Nets as plain expressions, each with its gradients derived by hand beside it.

A model is a module with four functions, the same in all of them:

    init(rng, sizes...)                   params: a dict of arrays, by name
    forward(params, x)                    values: a dict of everything computed on the way, by name, prediction included
    loss(params, x, y)                    one number
    manual_gradients(params, x, y)        a dict: the derivative of the loss by each value and each parameter

`forward` and `loss` run on arrays and on Tensors alike. `loss` and `manual_gradients` take ``values=``, what `forward`
gave, and do not compute it again. So the tape's side of any comparison is

    values = model.forward(params, x)
    gradients(model.loss(params, x, y, values), values | params)

with the params as Tensors: `by_tape` does that, `by_hand` calls the model's own derivation, and `descend` trains with
one of the two, or with both and a comparison at each step.
"""

from ._descent import Model, Step, by_hand, by_tape, descend

__all__ = ["Model", "Step", "by_hand", "by_tape", "descend"]
