"""The state of optimisers and schedules: a run goes on from it to the last bit, and another's is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from test_optim import flat, leaves, one_step, oracle

from tinygrad_np import optim
from tinygrad_np.transforms.tree import flatten

STATES = [
    ("SGD", {"momentum": 0.9}),
    ("SGD", {}),
    ("Adam", {"amsgrad": True}),
    ("AdamW", {}),
    ("RMSprop", {"centered": True, "momentum": 0.9}),
]


@pytest.mark.parametrize("late", [0, 1, 4])
@pytest.mark.parametrize(("kind", "options"), STATES)
def test_a_run_goes_on_from_a_state_to_the_last_bit(kind: str, options: dict[str, Any], late: int) -> None:
    whole, first = leaves(*oracle.start("float64")), leaves(*oracle.start("float64"))
    optimizer = getattr(optim, kind)(whole, lr=0.05, **options)
    for step in range(1, 9):
        one_step(optimizer, whole, step)
    begun = getattr(optim, kind)(first, lr=0.05, **options)
    for step in range(1, late + 1):
        one_step(begun, first, step)
    kept = begun.state_dict()
    rest = leaves(*(t.data for t in first))
    resumed = getattr(optim, kind)(rest, lr=7.0)  # the state brings its options
    resumed.load_state_dict(kept)
    for step in range(late + 1, 9):
        one_step(resumed, rest, step)
    np.testing.assert_array_equal(flat(rest), flat(whole))
    assert resumed.initial_lr == 7.0


def test_a_state_is_a_copy_both_ways() -> None:
    tensors = leaves(*oracle.start("float64"))
    optimizer = optim.SGD(tensors, momentum=0.9)
    one_step(optimizer, tensors, 2)
    kept = optimizer.state_dict()
    before = [s["momentum_buffer"].copy() for s in kept["state"]]
    one_step(optimizer, tensors, 3)
    optimizer.load_state_dict(kept)
    one_step(optimizer, tensors, 3)
    for s, old in zip(kept["state"], before, strict=True):
        np.testing.assert_array_equal(s["momentum_buffer"], old)


@pytest.mark.parametrize(
    ("kind", "options", "shapes", "text"),
    [
        ("Adam", {}, None, "state of Adam with lr, betas.* not of SGD"),
        ("SGD", {"momentum": 0.9}, [(2, 3), (4,)], "2 parameters"),
        ("SGD", {"momentum": 0.9}, [(3, 2), (4,), ()], r"the state of \[0\] holds momentum_buffer float64\[3, 2\]"),
    ],
)
def test_another_state_is_refused_and_changes_nothing(kind: str, options: Any, shapes: Any, text: str) -> None:
    tensors = leaves(*oracle.start("float64"))
    optimizer = optim.SGD(tensors, lr=0.3, momentum=0.5)
    one_step(optimizer, tensors, 2)
    before = optimizer.state_dict()
    foreign = leaves(*(np.zeros(shape) for shape in shapes or oracle.SHAPES))
    other = getattr(optim, kind)(foreign, **options)
    for t in foreign:
        t.grad = np.ones(t.shape)
    other.step()
    with pytest.raises(ValueError, match=text):
        optimizer.load_state_dict(other.state_dict())
    after = optimizer.state_dict()
    assert after["options"] == before["options"]
    for a, b in zip(flatten(after["state"])[0], flatten(before["state"])[0], strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_state_of_adam_is_none_of_adamw() -> None:
    with pytest.raises(ValueError, match=r"of Adam with .* not of AdamW"):
        optim.AdamW(leaves(1.0)).load_state_dict(optim.Adam(leaves(1.0)).state_dict())


def test_options_out_of_range_in_a_state_change_nothing() -> None:
    optimizer = optim.SGD(leaves(1.0), lr=0.3)
    bad = optimizer.state_dict()
    bad["options"] |= {"lr": 0.1, "momentum": -1.0}
    with pytest.raises(ValueError, match="momentum"):
        optimizer.load_state_dict(bad)
    assert optimizer.lr == 0.3


def test_schedules_go_on_from_a_state() -> None:
    def both() -> tuple[Any, Any]:
        optimizer = optim.SGD(leaves(0.0), lr=0.1)
        warm, fall = optim.LinearLR(optimizer, 0.1, total_iters=3), optim.CosineAnnealingLR(optimizer, T_max=9)
        return optimizer, optim.SequentialLR(optimizer, [warm, fall], [3])

    optimizer, schedule = both()
    for _ in range(6):
        schedule.step()
    resumed, other = both()
    resumed.load_state_dict(optimizer.state_dict())
    other.load_state_dict(schedule.state_dict())
    for _ in range(8):
        schedule.step()
        other.step()
        assert resumed.lr == optimizer.lr


def test_a_schedule_made_with_other_options_is_refused() -> None:
    optimizer = optim.SGD(leaves(0.0), lr=0.1)
    state = optim.CosineAnnealingLR(optimizer, T_max=5).state_dict()
    with pytest.raises(ValueError, match="had T_max 5, and has 10 here"):
        optim.CosineAnnealingLR(optimizer, T_max=10).load_state_dict(state)
    with pytest.raises(ValueError, match="had kind 'CosineAnnealingLR', and has 'StepLR' here"):
        optim.StepLR(optimizer, 5).load_state_dict(state)
    chains = []
    for gamma in (0.5, 0.6):
        both = optim.ExponentialLR(optimizer, gamma), optim.LambdaLR(optimizer, lambda t: 1.0)
        chains.append(optim.SequentialLR(optimizer, both, [3]))
    with pytest.raises(ValueError, match="had schedulers"):
        chains[0].load_state_dict(chains[1].state_dict())
    chains[0].load_state_dict(json.loads(json.dumps(chains[0].state_dict())))
