"""detect_anomaly: which op, which line, which element."""

from __future__ import annotations

import numpy as np
import pytest

from tinygrad_np import Tensor, detect_anomaly

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


def test_first_bad_output() -> None:
    x = Tensor([[1.0, 2.0], [3.0, 0.0]], requires_grad=True)
    with (
        pytest.raises(FloatingPointError, match=r"log put out -inf at index \(1, 1\).*test_anomaly.py:\d+"),
        detect_anomaly(),
    ):
        np.exp(np.log(x))


def test_a_bad_input_is_not_the_ops_fault() -> None:
    with detect_anomaly():
        assert np.isnan((Tensor([np.nan], requires_grad=True) * 2).data).all()


def test_first_bad_cotangent_blames_the_record_that_made_it() -> None:
    x = Tensor([4.0, 0.0], requires_grad=True)
    with (
        pytest.raises(FloatingPointError, match=r"sqrt \(recorded at test_anomaly.py:\d+\).*inf at index \(1,\)"),
        detect_anomaly(),
    ):
        np.sqrt(x**2).sum().backward()
    assert x.grad is None


def test_a_masked_infinity_is_none() -> None:
    x = Tensor([4.0, 0.0], requires_grad=True)
    with detect_anomaly():
        np.where(x > 0, np.sqrt(x), x).sum().backward()
    assert x.grad.tolist() == [0.25, 1.0]


def test_a_write_through_a_raw_array_is_seen() -> None:
    x = Tensor([4.0, 1.0], requires_grad=True)
    with detect_anomaly():
        y = (x * x).sum()
        x.data[0] = 5.0
        with pytest.raises(RuntimeError, match=r"multiply \(recorded at test_anomaly.py:\d+\) needs .* was written to"):
            y.backward()


def test_it_ends_with_its_block() -> None:
    with detect_anomaly():
        pass
    assert np.isinf(np.log(Tensor([0.0], requires_grad=True)).data).all()


def test_recorded_outside_and_swept_inside() -> None:
    x = Tensor([4.0, 1.0], requires_grad=True)
    y = (x * x).retain_grad()
    with detect_anomaly():
        y.sum().backward()
    assert x.grad.tolist() == [8.0, 2.0]
