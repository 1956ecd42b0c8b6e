"""What the pages about the kinds of mistakes say, beside their examples: `make_pages.py` puts the two together."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["BUGS", "Bug"]


class Bug(NamedTuple):
    """One page."""

    title: str
    story: str  # how people come to make it
    mark: str  # what it leaves in the numbers; G is the gradient by hand, T the tape's
    hidden: str  # what makes it invisible
    example: str  # FILE:FUNCTION of the corpus; empty: none


BUGS = {
    "factor": Bug(
        "A constant factor",
        "The 2 of a square is forgotten, or written although the loss carries 1/2; a learning rate is applied twice. "
        "Training goes on as if the learning rate were another one, so the loss curve looks healthy.",
        "G = c T for every element, with c a small number such as 1/2, 2 or 4, or the learning rate. All gradients "
        "further down are off by the same factor.",
        "A ratio of 2 also arises from a size that is 2. The audit compares with the sizes in the program and says "
        "which of them a factor equals; take sizes that differ from each other and from 2.",
        "regression_two_layer:half_squared_error",
    ),
    "mean-sum": Bug(
        "A mean taken for a sum, or over the wrong count",
        "The loss is a mean and its gradient lacks 1/N, or has it twice; N counts the batch where the mean also runs "
        "over the outputs or the time steps.",
        "G = c T, with c or 1/c a size in the program: rows, elements, steps.",
        "A batch of one: 1/N is 1.",
        "regression_two_layer:mean_over_batch",
    ),
    "sign": Bug(
        "The wrong sign",
        "The residual is written target minus output and its derivative is forgotten, or the step adds the gradient "
        "instead of taking it off. The loss climbs, or, if only one layer is concerned, the others make up for it.",
        "G = -T.",
        "A gradient that is zero anyway.",
        "regression_two_layer:target_minus_output",
    ),
    "bias-sum": Bug(
        "A broadcast axis that is not summed, or summed too far",
        "A bias is added to every row of a batch, so its gradient is the sum over the rows. It is forgotten, taken "
        "over every axis at once, or kept in a shape that broadcasting accepts. NumPy raises no error in the last two.",
        "G.sum(axis) = T; or all elements of G are the same number, the sum over everything; or the shapes differ.",
        "A batch of one: there is nothing to sum. A bias with one element: every sum is the same.",
        "softmax_classifier:mlp_total_bias",
    ),
    "transpose": Bug(
        "A matrix the wrong way round",
        "A product is differentiated with `W` where `W.T` belongs. With rectangular matrices NumPy objects, and people "
        "shuffle operands until the shapes fit; with square ones nothing objects.",
        "G is what comes out with one operand transposed; or G.T = T.",
        "A symmetric matrix. A square one hides the mistake from NumPy, not from the audit.",
        "deep_tanh:square_layers",
    ),
    "wrong-operand": Bug(
        "The right formula with another tensor",
        "Copy and paste: `d3 @ w2.T` for `d3 @ w3.T`, the gradient after the activation for the one before it, the "
        "values for the keys.",
        "The rule of the operation gives exactly G when one operand is replaced by another array of the same shape.",
        "Two arrays that are equal at the start: weights that are initialised alike, or all zero.",
        "deep_tanh:square_layers_swapped",
    ),
    "mask": Bug(
        "A mask that is missing, inverted, or another's",
        "The derivative of relu is 1 where its input was positive. The mask is forgotten, has the wrong sign, or is "
        "taken from the gradient or another layer. The same goes for dropout, clipping and padding.",
        "G and T differ only where a mask at hand is 0 (missing), or only where it is 1 (inverted).",
        "Inputs that are all positive: a mask of ones changes nothing.",
        "regression_two_layer:mask_of_the_activation_gradient",
    ),
    "activation": Bug(
        "The derivative of another activation, or at the wrong place",
        "`1 - a**2` with `a` the input of tanh instead of its output; `z * (1 - z)` with `z` the input of a sigmoid; "
        "the derivative of another function; or none at all.",
        "G / T, element by element, is a known derivative of an array at hand.",
        "Inputs close to 0, where the derivatives of tanh and of the identity are both 1.",
        "deep_tanh:three_layers",
    ),
    "forward": Bug(
        "The forward pass is not the one that was derived",
        "The derivation and the backward pass are right, and the forward pass feeds another array than they say: the "
        "value before the activation, the input without dropout. The value that should have been used is computed and "
        "goes nowhere. Every gradient of the net that was meant is then a wrong gradient of the net that runs.",
        "A value of the forward pass has no gradient at all, for it never reaches the loss; and with that value in the "
        "place of another the whole backward pass is right.",
        "An activation that changes nothing on this input.",
        "regression_two_layer:relu_net_linear_head",
    ),
    "fork": Bug(
        "A path at a fork is lost, or counted twice",
        "A value that is used twice collects a gradient from each use: a skip connection, a state that is handed on "
        "and read out, a tied weight. One of them is forgotten, `=` is written for `+=`, or one is added twice.",
        "T - G is exactly the contribution of one use.",
        "A use whose contribution is zero, such as the first step of a recurrence that starts from zero.",
        "layer_norm:two_blocks",
    ),
    "batch-statistics": Bug(
        "Mean and variance differentiated as constants",
        "A normalisation subtracts a mean and divides by a deviation, both of which depend on every example. The "
        "gradient through one or both is left out.",
        "T - G is constant over the batch (the mean's path), or proportional to the centred values (the variance's).",
        "A cotangent that is the same for the whole batch: through a normalisation it gives 0 = 0.",
        "batch_norm:constant_statistics",
    ),
    "bessel": Bug(
        "n for n - 1",
        "The forward pass divides a sum of squares by n - 1 (`ddof=1`), the backward pass by n, or the other way "
        "round.",
        "The variance's path is off by n / (n - 1); with a large batch that is very little.",
        "A large batch: with 1,000 examples the error is a thousandth. It still is one, and the audit, which compares "
        "to rounding, still sees it.",
        "batch_norm:sample_variance",
    ),
    "stale": Bug(
        "A parameter is updated before the backward pass has used it",
        "`W2 -= lr * dW2` stands above `dh = d @ W2.T`: the gradient of the layer below is computed with the new "
        "weights. With a small learning rate the error is small, and it grows with the rate.",
        "G equals T computed with the updated parameter.",
        "A learning rate of zero.",
        "softmax_classifier:mlp_output_layer_first",
    ),
    "accumulate": Bug(
        "Gradients that are not reset",
        "Gradients are collected with `+=` in arrays that are created once, before the loop. The first iteration is "
        "right; from the second on each step is taken with the sum of all gradients so far. It looks like momentum.",
        "G is the sum of T over the iterations.",
        "A run of one iteration. The audit needs two.",
        "deep_tanh:zeroed_once",
    ),
    "wrong-parameter": Bug(
        "The right gradient, applied to the wrong parameter",
        "A line of the update is copied and one name is not changed. If the shapes broadcast, as a bias against the "
        "matrix above it, nothing is raised: one parameter never moves and another is moved by a gradient that is not "
        "its own.",
        "The step of one parameter is the gradient of another, and that one stays where it is.",
        "Parameters with equal gradients.",
        "regression_two_layer:relu_net_biases",
    ),
    "scatter": Bug(
        "Repeated indices that are lost",
        "`E[idx] -= g` with an index that occurs twice in `idx` keeps only its last row; `np.add.at(E, idx, -g)` adds "
        "them all. In an embedding every frequent word is hit.",
        "G and T differ only in rows whose index is repeated.",
        "A batch in which no index occurs twice.",
        "embedding:bag_of_words_fancy",
    ),
    "regulariser": Bug(
        "A penalty that is missing, doubled, or another one",
        "The loss has `reg * (W**2).sum()` and the gradient `reg * W`, without the 2; or weight decay is applied both "
        "in the gradient and in the update; or to one matrix and not to the other.",
        "T - G is proportional to the parameter itself.",
        "A weight that is zero. A penalty that dominates hides mistakes in the data term.",
        "softmax_classifier:l2_penalty_halved",
    ),
    "jacobian": Bug(
        "A coupled function differentiated as if elementwise",
        "Every output of a softmax depends on every input. With `p * (1 - p)`, the derivative of a sigmoid, only the "
        "diagonal of its Jacobian is used.",
        "G = g p (1 - p), where T = p (g - sum(g p)).",
        "A row with one class.",
        "attention:self_attention_elementwise",
    ),
    "dropout-scale": Bug(
        "The mask of dropout without its scale",
        "The forward pass multiplies by `mask / keep`, the backward pass by `mask`.",
        "G / T = keep, wherever the mask is 1.",
        "Dropout that is switched off.",
        "dropout:inverted_scale_lost",
    ),
    "time-index": Bug(
        "One step off, or a kernel the wrong way round",
        "In a recurrence the state at t is made from the one at t - 1; the gradient of the recurrent matrix takes the "
        "state at t, the loop stops a step early, or the gradient of a convolution is not flipped.",
        "G equals T computed with an operand that is shifted or reversed.",
        "A state that does not change; a symmetric kernel.",
        "recurrent:many_to_one_off_by_one",
    ),
    "shape": Bug(
        "Another shape, which broadcasting accepts",
        "`(n,)` against `(n, 1)` gives `(n, n)`, and a gradient of that kind is subtracted without a word.",
        "The gradient has another shape than its parameter.",
        "Sizes that are all 1.",
        "regression_two_layer:vector_head",
    ),
    "unknown": Bug(
        "Wrong, and nothing at hand explains it",
        "The line is wrong, and none of the other kinds gives what it should have given: a formula that was derived "
        "wrongly, an expression with two mistakes.",
        "G differs from T. The finding says where, and what the right value is as a formula.",
        "",
        "",
    ),
}
