"""Nets as plain expressions, each with its gradients derived by hand beside it.

A model is a module with five functions, the same in all of them:

    init(rng, sizes...)                   params: a dict of arrays, by name
    forward(params, x)                    values: a dict of everything computed on the way, by name, prediction included
    loss(params, x, y)                    one number
    manual_gradients(params, x, y)        a dict: the derivative of the loss by each value and each parameter
    example(rng)                          (params, x, y): a small problem for it, of sizes drawn at random

`forward` and `loss` run on arrays and on Tensors alike. `loss` and `manual_gradients` take ``values=``, what `forward`
gave, and do not compute it again. `init` and `example` take ``dtype=``, float64 by default. So the tape's side of any
comparison is

    values = model.forward(params, x)
    gradients(model.loss(params, x, y, values), values | params)

with the params as Tensors: `by_tape` does that, `by_hand` calls the model's own derivation, and `descend` trains with
one of the two, or with both and a comparison at each step.

What a model can do besides is a keyword of its `forward`: a generator for the masks of dropout, the running statistics
of batch norm. `loss` and `manual_gradients` learn of it through the values alone. Among these may be things without a
gradient, such as masks: they are plain arrays, and `by_tape` leaves them out.

A regression predicts ``pred``, and ``y`` has its shape. A classifier predicts ``logits`` [batch, classes], and ``y`` is
the number of the right class for each sample. `example` draws sizes that differ from each other, so that no sum over
the wrong axis goes through.
"""

from ._descent import Model, Step, by_hand, by_tape, descend, plain, watched

__all__ = ["Model", "Step", "by_hand", "by_tape", "descend", "plain", "watched"]
