"""Real data to train on: what scikit-learn ships, and CPython's own language reference as text.

Every split is fixed. Tables have columns of mean 0 and variance 1 in the part that is learned from.
"""

from __future__ import annotations

import string
from types import ModuleType
from typing import NamedTuple

import numpy as np

from ._descent import Array

__all__ = ["SYMBOLS", "Split", "digits", "paragraphs", "table", "text", "windows"]

SYMBOLS = sorted({*string.ascii_letters, *string.digits, *string.punctuation, " ", "\n"})


class Split(NamedTuple):
    """To learn from, and to be tested on."""

    x: Array
    y: Array
    x_test: Array
    y_test: Array


def digits(dtype: str = "float32") -> Split:
    """scikit-learn's handwritten digits, images [n, 8, 8] with pixels from -1 to 1; a quarter for the test."""
    x, y = _sklearn().load_digits(return_X_y=True)
    return _split((x / 8 - 1).reshape(-1, 8, 8).astype(dtype), y, stratify=True)


def table(name: str, dtype: str = "float32") -> Split:
    """scikit-learn's "diabetes", "wine" or "breast_cancer", x [n, columns]; a quarter for the test.

    The class of a wine or a tumour is a number; the progress of diabetes is standardised like a column, [n, 1].
    """
    x, y = getattr(_sklearn(), f"load_{name}")(return_X_y=True)
    classes = name != "diabetes"
    x, y, x_test, y_test = _split(x, y if classes else y[:, None], stratify=classes)
    x_test, x = ((part - x.mean(axis=0)) / x.std(axis=0) for part in (x_test, x))
    if not classes:
        y_test, y = (((part - y.mean()) / y.std()).astype(dtype) for part in (y_test, y))
    return Split(x.astype(dtype), y, x_test.astype(dtype), y_test)


def paragraphs() -> list[tuple[str, str]]:
    """Topic and text of each paragraph of the language reference, on one line; what comes twice is there once."""
    try:
        from pydoc_data.topics import topics
    except ImportError:
        raise ImportError("the text is that of Python's own pydoc_data, which this Python lacks") from None
    seen: dict[str, str] = {}
    for topic, whole in topics.items():
        for paragraph in whole.split("\n\n"):
            seen.setdefault(" ".join(paragraph.split()), topic)
    return [(topic, paragraph) for paragraph, topic in seen.items()]


def text() -> tuple[Array, Array]:
    """Symbol numbers of the language reference: of nine tenths, and of a tenth kept back, by turns of 20 paragraphs."""
    number = {symbol: i for i, symbol in enumerate(SYMBOLS)}
    sides: tuple[list[str], list[str]] = [], []
    for i, (_, paragraph) in enumerate(paragraphs()):
        sides[i // 20 % 10 == 9].append(paragraph)
    learned, kept = (np.array([number.get(s, number["?"]) for s in "\n".join(side)]) for side in sides)
    return learned, kept


def windows(text: Array, steps: int) -> Array:
    """Pieces of ``steps + 1`` symbols, one after the other: each predicts what comes after its first, second, ...

    Examples
    --------
    >>> windows(np.arange(8), 3)
    array([[0, 1, 2, 3],
           [3, 4, 5, 6]])
    """
    starts = np.arange(0, len(text) - steps, steps)
    pieces: Array = text[starts[:, None] + np.arange(steps + 1)]
    return pieces


def _split(x: Array, y: Array, stratify: bool) -> Split:
    from sklearn.model_selection import train_test_split

    x, x_test, y, y_test = train_test_split(x, y, test_size=0.25, random_state=0, stratify=y if stratify else None)
    return Split(x, y, x_test, y_test)


def _sklearn() -> ModuleType:
    try:
        import sklearn.datasets
    except ImportError:
        raise ImportError('the data come with scikit-learn: pip install "tinygrad_np[examples]"') from None
    return sklearn.datasets  # type: ignore[no-any-return]  # it has no types
