"""What the examples that train nets share: their options, whose gradients they follow, how they end."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tinygrad_np import value_and_grad
from tinygrad_np.train import CheckpointError, DisagreementError, compared

from ._arguments import Parser, whole
from ._descent import Model, by_hand, by_tape

__all__ = ["WHOSE", "checkpoint", "ended", "parsed", "parser", "step"]

WHOSE = {
    "manual": "gradients derived by hand",
    "tape": "gradients from the tape",
    "check": "gradients from the tape, compared with those derived by hand",
}


def parser(prog: str, description: str, epochs: str) -> Parser:
    """The options of all of them; ``epochs`` says how many there are by default."""
    made = Parser(prog=prog, description=description)
    made.add_argument(
        "--gradients",
        choices=WHOSE,
        default="tape",
        help="derived by hand, from the tape, or both compared (default: tape)",
    )
    made.add_argument("--epochs", type=whole(1), metavar="N", help=f"for each net (default: {epochs})")
    made.add_argument("--seed", type=whole(0), default=0, metavar="N", help="of all random draws (default: 0)")
    made.add_argument(
        "--checkpoint", type=_file, metavar="FILE", help="save after each epoch, in a file for each net: FILE-net"
    )
    made.add_argument("--resume", action="store_true", help="go on from there, if there is something")
    return made


def parsed(made: Parser, argv: Sequence[str] | None) -> argparse.Namespace:
    args = made.parse_args(argv)
    if args.resume and args.checkpoint is None:
        made.error("--resume goes on from --checkpoint FILE, and none is given")
    return args


def checkpoint(args: argparse.Namespace, net: str) -> Path | None:
    """Where this net is saved: run.npz becomes run-lstm.npz."""
    path: Path | None = args.checkpoint
    return None if path is None else path.with_stem(f"{path.stem}-{net}")


def step(model: Model, gradients: str, every: int = 1) -> Callable[..., tuple[Any, Any]]:
    """What `tinygrad_np.train.fit` asks of a net; with "check", every so-manieth step is compared, values included."""
    if gradients == "manual":
        return partial(by_hand, model)
    if gradients == "tape":
        return value_and_grad(model.loss)
    return compared(partial(by_tape, model), partial(by_hand, model), every=every)


def ended(prog: str, run: Callable[[], int]) -> int:
    """The exit status of ``run``, or of what stopped it, said in a few words."""
    try:
        return run()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except DisagreementError as found:
        print(found)
        return 1
    except (CheckpointError, ImportError, OSError) as reason:
        print(f"{prog}: {reason}", file=sys.stderr)
        return 2


def _file(text: str) -> Path:
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"cannot write {text!r}")
    return path
