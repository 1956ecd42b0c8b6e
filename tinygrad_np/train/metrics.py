"""How good predictions are, as plain numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["accuracy", "cross_entropy", "mean_squared_error"]


def accuracy(scores: Any, labels: Any) -> float:
    """The share of rows whose largest score is at the label; of tied scores the first counts.

    Parameters
    ----------
    scores
        [..., classes], logits or probabilities.
    labels
        [...], class numbers.

    Examples
    --------
    >>> from tinygrad_np.train import accuracy
    >>> accuracy([[0.1, 2.0], [3.0, 1.0]], [1, 1])
    0.5
    """
    scores, labels = _checked(scores, labels)
    return float(np.mean(np.argmax(scores, axis=-1) == labels))


def cross_entropy(scores: Any, labels: Any) -> float:
    """The mean of ``-ln softmax(scores)[label]``, in nats.

    Parameters
    ----------
    scores
        [..., classes], logits.
    labels
        [...], class numbers.

    Examples
    --------
    >>> from tinygrad_np.train import cross_entropy
    >>> round(cross_entropy([[0.0, 0.0], [1000.0, 0.0]], [1, 0]), 4)
    0.3466
    """
    scores, labels = _checked(scores, labels)
    shifted = scores - scores.max(axis=-1, keepdims=True)
    log_sum = np.log(np.sum(np.exp(shifted), axis=-1))
    return float(np.mean(log_sum - np.take_along_axis(shifted, labels[..., None], axis=-1)[..., 0]))


def mean_squared_error(predictions: Any, targets: Any) -> float:
    """The mean of ``|prediction - target|^2``; shapes must be equal.

    Examples
    --------
    >>> from tinygrad_np.train import mean_squared_error
    >>> mean_squared_error([1.0, 2.0], [1.0, 4.0])
    2.0
    """
    predictions, targets = np.asarray(predictions), np.asarray(targets)
    if predictions.shape != targets.shape:
        raise ValueError(f"predictions have shape {predictions.shape}, targets {targets.shape}")
    wide = np.result_type(predictions, targets, np.float64)  # unsigned numbers have no difference
    return float(np.mean(np.abs(np.subtract(predictions, targets, dtype=wide)) ** 2))


def _checked(scores: Any, labels: Any) -> tuple[Any, Any]:
    scores, labels = np.asarray(scores), np.asarray(labels)
    if scores.ndim == 0 or labels.dtype.kind not in "iu" or scores.shape[:-1] != labels.shape:
        raise ValueError(
            "scores are [..., classes] and labels [...], whole numbers;"
            f" got {scores.dtype}{list(scores.shape)} and {labels.dtype}{list(labels.shape)}"
        )
    if labels.size and not 0 <= labels.min() <= labels.max() < scores.shape[-1]:
        raise ValueError(f"labels go from {labels.min()} to {labels.max()}, and there are {scores.shape[-1]} classes")
    return scores, labels
