"""Files that are no good checkpoint: each is refused in one line, and nothing is changed."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_train_checkpoint import Run

from tinygrad_np import train


def rewritten(path: Path, change: Callable[[dict[str, bytes]], Any], compression: int = zipfile.ZIP_STORED) -> None:
    """The same archive with other entries."""
    with zipfile.ZipFile(path) as file:
        entries = {name: file.read(name) for name in file.namelist()}
    change(entries)
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in entries.items():
            file.writestr(name, content)


def npy(array: Any, **options: Any) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asarray(array), **options)
    return file.getvalue()


def header(shape: tuple[int, ...], descr: str = "<f8", text: str | None = None) -> bytes:
    told = (text or repr({"descr": descr, "fortran_order": False, "shape": shape})).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + len(told).to_bytes(2, "little") + told


def meta(**changes: Any) -> Callable[[dict[str, bytes]], Any]:
    """Change what the checkpoint says in JSON; None takes it out."""

    def change(entries: dict[str, bytes]) -> None:
        told = json.loads(str(np.load(io.BytesIO(entries["meta.npy"]))))
        for key, value in changes.items():
            told = {k: v for k, v in told.items() if k != key} if value is None else told | {key: value}
        entries["meta.npy"] = npy(np.array(json.dumps(told)))

    return change


def generator(**changes: Any) -> Callable[[dict[str, bytes]], Any]:
    state = np.random.PCG64(0).state
    return meta(rng=state | changes)


def put(name: str, content: bytes) -> Callable[[dict[str, bytes]], Any]:
    return lambda entries: entries.__setitem__(name + ".npy", content)


W, B = "params['layers'][0]['w']", "params['b']"
EXP = "optimizer[0]['exp_avg']"
DEEP = "[" * 5000 + "]" * 5000

STEP = {"kind": "StepLR", "options": {"step_size": 3, "gamma": 0.1}, "base_lr": 1}

BAD: dict[str, tuple[Callable[[dict[str, bytes]], Any], str]] = {
    "an object array": (put(B, npy(np.array({"a": 1}), allow_pickle=True)), "holds object"),
    "an object array as text": (put("meta", npy(np.array({"a": 1}), allow_pickle=True)), "holds object"),
    "a structured array": (put(B, npy(np.zeros((), "f8,f8"))), "holds numbers"),
    "bytes": (put(EXP, npy(np.zeros((3, 4), "S8"))), "holds numbers"),
    "another shape": (put(W, npy(np.zeros((4, 3)))), r"float64\[4, 3\] there and float64\[3, 4\] here"),
    "another dtype": (put(W, npy(np.zeros((3, 4), "f4"))), r"float32\[3, 4\] there"),
    "a huge shape": (put(W, header((10**12, 10**6))), r"float64\[1000000000000, 1000000\] there"),
    "a huge shape in the state": (put(EXP, header((2**40,))), "not the size that it says"),
    "a negative shape": (put(EXP, header((-1,))), "not the size that it says"),
    "too few numbers": (put(W, header((3, 4)) + bytes(88)), "not the size that it says"),
    "too many numbers": (put(W, header((3, 4)) + bytes(104)), "not the size that it says"),
    "no array": (put(W, b"#!/bin/sh\nrm -rf /\n"), "cannot be loaded"),
    "nothing": (put(W, b""), "cannot be loaded"),
    "code in a header": (put(W, header((), text="__import__('os').abort()")), "cannot be loaded"),
    "a deep header": (put(W, header((), text=DEEP)), "cannot be loaded"),
    "another version": (put(W, npy(np.zeros((3, 4)), version=(3, 0))), "no array as `save` writes it"),
    "a missing parameter": (lambda e: e.pop(B + ".npy"), r"this one has params\['b'\], that one has not"),
    "one parameter more": (put("params['c']", npy(1.0)), r"that one has params\['c'\], this one has not"),
    "a path out of the folder": (put("../../../../evil", npy(1.0)), "which `save` does not write"),
    "an absolute path": (put("/etc/passwd", npy(1.0)), "which `save` does not write"),
    "no meta": (lambda e: e.pop("meta.npy"), "it lacks meta"),
    "meta that is a number": (put("meta", npy(3.0)), "meta is not what"),
    "meta that is no JSON": (put("meta", npy(np.array("{"))), "cannot be loaded"),
    "meta that is a list": (put("meta", npy(np.array("[]"))), "meta is not what"),
    "deep JSON": (put("meta", npy(np.array(DEEP * 20))), "cannot be loaded"),
    "a long number": (put("meta", npy(np.array("9" * 9999))), "cannot be loaded"),
    "another format": (meta(format="pickle"), "its format is 'pickle'"),
    "no epoch": (meta(epoch=None), "its epoch is None"),
    "a negative epoch": (meta(epoch=-1), "its epoch is -1"),
    "a fraction of an epoch": (meta(epoch=1.5), r"its epoch is 1\.5"),
    "a history of words": (meta(history={"loss": ["low"]}), "could not convert"),
    "a ragged history": (meta(history={"loss": [1], "accuracy": []}), "one number an epoch"),
    "a history of another type": (meta(history=5), "cannot be loaded"),
    "no optimiser": (meta(optimizer=None), "without optimizer="),
    "an optimiser of another type": (meta(optimizer=5), "cannot be loaded"),
    "another optimiser": (meta(optimizer={"kind": "SGD", "options": {}, "state": []}), "the state of SGD"),
    "state without its arrays": (lambda e: e.pop(EXP + ".npy"), r"it lacks optimizer\[0\]\['exp_avg'\]"),
    "state of another shape": (put(EXP, npy(np.zeros(3))), r"the state of \[0\] holds .*exp_avg float64\[3\]"),
    "no schedule": (meta(schedule=None), "without schedule="),
    "a schedule of another type": (meta(schedule=[]), "cannot be loaded"),
    "another schedule": (meta(schedule={"kind": "LinearLR", "options": {}}), "had kind 'LinearLR', and has 'StepLR'"),
    "a schedule of words": (meta(schedule=STEP | {"last_epoch": "x"}), "cannot be loaded"),
    "a schedule without its epoch": (meta(schedule=STEP), "cannot be loaded"),
    "no generator": (meta(rng=None), "without rng="),
    "another generator": (generator(bit_generator="MT19937"), "its generator is no PCG64"),
    "a generator of words": (generator(state="x"), "cannot be loaded"),
    "a generator out of range": (generator(has_uint32=2**70), "cannot be loaded"),
    "a generator with a fraction": (generator(uinteger=0.5), "cannot be loaded"),
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    Run(0).train().save(tmp_path / "net.npz", epoch=2)
    return tmp_path / "net.npz"


def refused(run: Run, path: Path, text: str) -> str:
    """The one line that says why; nothing was changed."""
    before = run.snapshot()
    with pytest.raises(train.CheckpointError, match=text) as caught:
        run.load(path)
    assert run.snapshot() == before
    said = str(caught.value)
    assert said.startswith(f"{path} cannot be loaded: ")
    assert len(said.splitlines()) == 1
    assert len(said) < len(str(path)) + 300
    return said


@pytest.mark.parametrize("case", BAD)
def test_a_bad_checkpoint_gives_one_line_and_changes_nothing(case: str, file: Path) -> None:
    change, text = BAD[case]
    rewritten(file, lambda e: None)
    Run(1).load(file)  # written anew as it was, it is good
    rewritten(file, change)
    refused(Run(1).train(1), file, text)


def test_what_is_cut_off_anywhere_is_refused(file: Path) -> None:
    content = file.read_bytes()
    run = Run(1)
    for n in {0, 1, len(content) - 1, *range(0, len(content), 251)}:
        file.write_bytes(content[:n])
        refused(run, file, "damaged, cut off")


def test_a_flipped_bit_anywhere_is_refused_or_means_nothing(file: Path) -> None:
    content = file.read_bytes()
    run = Run(0)
    run.load(file)
    good = run.snapshot()
    for i in range(0, len(content), 13):
        file.write_bytes(content[:i] + bytes([content[i] ^ (1 << i % 8)]) + content[i + 1 :])
        run = Run(1)
        before = run.snapshot()
        try:
            run.load(file)
        except train.CheckpointError:
            assert run.snapshot() == before
        else:
            assert run.snapshot() == good, f"byte {i}"


def test_what_is_compressed_is_refused_unread(file: Path) -> None:
    rewritten(file, put(W, header((3, 4)) + bytes(10**8)), zipfile.ZIP_DEFLATED)
    assert file.stat().st_size < 10**6
    refused(Run(1), file, "compressed")


def test_entries_that_come_twice_are_refused(file: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(file, "a") as archive:
        archive.writestr("meta.npy", archive.read("meta.npy"))
    refused(Run(1), file, "repeated")


@pytest.mark.parametrize(("bits", "place"), [("MT19937", "pos"), ("Philox", "buffer_pos")])
@pytest.mark.parametrize("value", [-1, 10**6, 2.0, "0"])
def test_a_generator_is_not_led_out_of_its_buffer(bits: str, place: str, value: Any, tmp_path: Path) -> None:
    kind = getattr(np.random, bits)
    Run(0, bits=kind).save(tmp_path / "net")
    with np.load(tmp_path / "net") as opened:
        state = json.loads(str(opened["meta"]))["rng"]
    (state["state"] if bits == "MT19937" else state)[place] = value
    rewritten(tmp_path / "net", meta(rng=state))
    refused(Run(1, bits=kind), tmp_path / "net", "impossible")


@pytest.mark.parametrize(
    ("options", "text"), [({"dtype": np.float32}, "float64.* there"), ({"hidden": 5}, r"\[3, 4\] th")]
)
def test_another_net_is_refused(options: Any, text: str, file: Path) -> None:
    refused(Run(1, **options), file, text)


def test_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for content in (b"", b"PK", b"hello", os.urandom(2000), npy(np.ones(3))):
        path.write_bytes(content)
        refused(Run(1), path, "damaged, cut off, or no checkpoint")
    for arrays in ({"weights": np.ones(3)}, {W: np.array(["x", None], object)}):
        with path.open("wb") as opened:
            np.savez(opened, **arrays)
        refused(Run(1), path, "it lacks meta")
    with pytest.raises(FileNotFoundError):
        Run(1).load(tmp_path / "none")
    with pytest.raises(IsADirectoryError if os.name != "nt" else PermissionError):
        Run(1).load(tmp_path)
