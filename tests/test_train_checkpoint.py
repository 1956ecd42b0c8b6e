"""Checkpoints: what comes back, how they are written, and runs that are killed and go on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygrad_np import Tensor, optim, train

ROOT = Path(__file__).parents[1]


class Run:
    """All that a checkpoint holds, from a seed."""

    def __init__(self, seed: int = 0, dtype: Any = np.float64, hidden: int = 4, bits: Any = np.random.PCG64) -> None:
        self.rng = np.random.Generator(bits(seed))
        self.params = {
            "layers": [{"w": Tensor(np.asfortranarray(self.rng.normal(size=(3, hidden)), dtype), True)}],
            "b": Tensor(np.asarray(self.rng.normal(), dtype), True),
            "mean": self.rng.normal(size=(0, 2)),
            "z": Tensor(self.rng.normal(size=2) * 1j, True),
        }
        self.tensors = [self.params["layers"][0]["w"], self.params["b"], self.params["z"]]
        self.optimizer: optim.Optimizer = optim.Adam(self.tensors, lr=0.1 + seed)
        self.schedule: optim.LRScheduler = optim.StepLR(self.optimizer, 3)

    def train(self, steps: int = 4) -> Run:
        for _ in range(steps):
            self.optimizer.zero_grad()
            for t in self.tensors[: 1 if self.rng.random() < 0.3 else 3]:
                t.grad = np.asarray(self.rng.normal(size=t.shape), t.dtype)
            self.optimizer.step()
            self.schedule.step()
        return self

    @property
    def parts(self) -> dict[str, Any]:
        return {"optimizer": self.optimizer, "schedule": self.schedule, "rng": self.rng}

    def save(self, path: Any, **more: Any) -> None:
        train.save(path, self.params, **self.parts, **more)

    def load(self, path: Any) -> Any:
        return train.load(path, self.params, **self.parts)

    def snapshot(self) -> str:
        """Everything, to the bit."""
        state = self.optimizer.state_dict()
        arrays = [
            *(t.data for t in self.tensors),
            self.params["mean"],
            *(a for s in state["state"] for a in s.values()),
        ]
        bits = [(a.shape, str(a.dtype), a.tobytes().hex()) for a in arrays]
        return repr((bits, state["options"], self.schedule.state_dict(), self.rng.bit_generator.state))


BITS = ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"]


@pytest.mark.parametrize("bits", BITS)
def test_what_is_saved_comes_back_and_goes_on_to_the_bit(bits: str, tmp_path: Path) -> None:
    kind = getattr(np.random, bits)
    one, other = Run(0, bits=kind).train(), Run(1, bits=kind).train(2)
    other.rng.integers(9, dtype=np.uint32)  # half of a draw stays behind in the generator
    one.rng.integers(9, dtype=np.uint32)
    one.save(tmp_path / "net", epoch=7, history=train.History({"loss": [0.1 + 0.2, float("nan")]}))
    arrays = [t.data for t in other.tensors]
    loaded = other.load(tmp_path / "net")
    assert loaded.epoch == 7
    np.testing.assert_array_equal(loaded.history["loss"], [0.1 + 0.2, np.nan])
    assert all(t.data is a for t, a in zip(other.tensors, arrays, strict=True))
    assert other.snapshot() == one.snapshot()
    assert other.train(9).snapshot() == one.train(9).snapshot()


def test_it_is_an_ordinary_npz_with_readable_names(tmp_path: Path) -> None:
    run = Run().train()
    run.save(tmp_path / "net.npz")
    with np.load(tmp_path / "net.npz", allow_pickle=False) as file:
        np.testing.assert_array_equal(file["params['layers'][0]['w']"], run.tensors[0].data)
        assert "optimizer[0]['exp_avg']" in file
        assert json.loads(str(file["meta"]))["optimizer"]["kind"] == "Adam"


def test_the_same_state_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        Run().train().save(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_parameters_alone_can_be_loaded_from_a_whole_checkpoint(tmp_path: Path) -> None:
    one, other = Run(0).train(), Run(1)
    one.save(tmp_path / "net")
    state = other.rng.bit_generator.state
    train.load(tmp_path / "net", other.params)
    np.testing.assert_array_equal(other.tensors[0].data, one.tensors[0].data)
    assert other.rng.bit_generator.state == state


def test_loading_tells_a_tape_that_needs_the_old_values(tmp_path: Path) -> None:
    w = Tensor([1.0, 2.0], requires_grad=True)
    train.save(tmp_path / "net", [w])
    loss = (w * w).sum()
    train.load(tmp_path / "net", [w])
    with pytest.raises(RuntimeError, match="changed in place"):
        loss.backward()


# Writing


def test_a_save_that_fails_leaves_the_old_checkpoint_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Run(0).save(tmp_path / "net")
    old = (tmp_path / "net").read_bytes()

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    for place, name in ((np, "savez"), (os, "fsync"), (os, "replace")):
        with monkeypatch.context() as patch:
            patch.setattr(place, name, full)
            with pytest.raises(OSError, match="No space"):
                Run(1).save(tmp_path / "net")
        assert [p.name for p in tmp_path.iterdir()] == ["net"]
        assert (tmp_path / "net").read_bytes() == old


def test_everything_is_on_disk_before_the_file_is_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    fsync, replace = os.fsync, os.replace

    def synced(fd: int) -> None:
        done.append("fsync")
        fsync(fd)

    def moved(a: Any, b: Any) -> None:
        done.append("replace")
        assert Path(a).parent == Path(b).parent
        assert zipfile.ZipFile(a).testzip() is None
        replace(a, b)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", moved)
    Run().save(tmp_path / "net")
    assert done[:2] == ["fsync", "replace"]


@pytest.mark.skipif(os.name == "nt", reason="no links without rights")
def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "net").symlink_to(tmp_path / "there" / "net")
    Run().save(tmp_path / "net")
    assert (tmp_path / "net").is_symlink()
    assert Run(1).load(tmp_path / "net").epoch == 0


@pytest.mark.parametrize(
    "params", [{"w": 1.0}, ["text"], [Tensor([1.0], True) * 2], [np.array([None])], [np.broadcast_to(1.0, 3)]]
)
def test_what_a_checkpoint_does_not_hold_is_refused(params: Any, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="params"):
        train.save(tmp_path / "net", params)
    assert not list(tmp_path.iterdir())


# Killed, and gone on

SCRIPT = """
import sys, time
import numpy as np
from tinygrad_np import Tensor, optim, train, value_and_grad

path, pause = sys.argv[1], float(sys.argv[2])
rng = np.random.default_rng(0)
x = rng.normal(size=(40, 5))
y = np.sin(x).sum(axis=1)
params = {"w1": Tensor(rng.normal(size=(5, 8)), True), "w2": Tensor(rng.normal(size=8), True)}
optimizer = optim.AdamW(params, lr=0.02, amsgrad=True)
schedule = optim.CosineAnnealingLR(optimizer, T_max=25)

def loss(params, x, y):
    h = np.tanh(x @ params["w1"]) * (rng.random(8) < 0.8)  # dropout, from the same generator
    return np.mean((h @ params["w2"] - y) ** 2)

def step(*args):
    time.sleep(pause)
    return value_and_grad(loss)(*args)

print("started", flush=True)
train.fit(step, params, (x, y), optimizer=optimizer, schedule=schedule, epochs=25, size=8, rng=rng, max_norm=1.0,
          checkpoint=path, resume=True)
print("done", flush=True)
"""


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_killed_at_any_moment_and_resumed_it_ends_at_the_same_bit(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)

    def start(path: Path, pause: float) -> subprocess.Popen[str]:
        command = [sys.executable, str(script), str(path), str(pause)]
        env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
        return subprocess.Popen(command, env=env, stdout=subprocess.PIPE, encoding="utf-8")

    with start(tmp_path / "whole.npz", 0) as process:
        assert process.communicate(timeout=60)[0].split() == ["started", "done"]
    whole = (tmp_path / "whole.npz").read_bytes()
    seed = int.from_bytes(os.urandom(4), "little")
    print(f"moments drawn with seed {seed}")
    rng = np.random.default_rng(seed)
    epochs, kills = [0], 0
    while True:
        with start(tmp_path / "killed.npz", 0.003) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "started\n"
            try:
                process.wait(timeout=rng.uniform(0, 0.12 + 0.02 * kills))  # a slow machine gets on too
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                kills += process.wait() == -signal.SIGKILL
        assert process.returncode in (0, -signal.SIGKILL)
        if (tmp_path / "killed.npz").exists():
            with np.load(tmp_path / "killed.npz", allow_pickle=False) as file:
                epochs.append(json.loads(str(file["meta"]))["epoch"])
        if process.returncode == 0:
            break
    assert kills >= 2
    assert epochs == sorted(epochs)
    assert epochs[-1] == 25
    assert (tmp_path / "killed.npz").read_bytes() == whole


@pytest.mark.skipif(os.name == "nt", reason="signals differ")
def test_ctrl_c_in_a_program_of_its_own_ends_the_epoch(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(tmp_path / "script.py"), "net.npz", "0.01"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    with subprocess.Popen(command, cwd=tmp_path, env=env, **pipes) as process:  # type: ignore[call-overload]
        while not (tmp_path / "net.npz").exists():
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "saved in net.npz" in err.splitlines()[-1]
