"""Running the program once, recorded, and stopping to record when enough is known."""

from __future__ import annotations

import ast
import types
from typing import Any

from .node import Node
from .program import Program
from .recorder import Recorder
from .replay import Graph
from .report import AuditError
from .rewrite import RECORDER, Rewriter

__all__ = ["Recording"]

EXPRESSION = "_tg_loss"  # the variable that an expression for the loss is stored in


class Recording:
    """One run of a program, as a recorder saw it.

    Attributes
    ----------
    returned
        What the program returned.
    name, file
        What was run.
    """

    def __init__(self, loss: str | None) -> None:
        self.rewriter = Rewriter()
        self.loss = self.asked = loss
        self.status: Any = None  # that the script ended with
        if loss is not None and not loss.replace(".", "").isidentifier():
            try:
                self.rewriter.extra_loss = (EXPRESSION, ast.parse(loss, mode="eval").body)
            except SyntaxError:
                raise AuditError(f"loss={loss!r} is neither a variable nor an expression") from None
            self.loss = EXPRESSION
        elif loss is not None:
            self.loss = loss.split(".")[-1]
        self.recorder = Recorder(self.rewriter, self._enough)
        self.result: Node | None = None
        self.returned: Any = None
        self.name = self.file = ""
        self.tree: ast.AST | None = None

    def call(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Call a function as `function(*args, **kwargs)`, recorded.

        Raises
        ------
        AuditError
            If it is none that can be followed; from what it raised, if it did.
        """
        r = self.recorder
        r.follower.enter(function)
        inner = r.follower.innermost(function)
        self.name, self.file = inner.__qualname__.replace(".<locals>", ""), inner.__code__.co_filename
        self.tree = r.follower.definition(inner.__code__)
        given = [r.shadow.of(a) for a in args], {k: r.shadow.of(v) for k, v in kwargs.items()}
        try:
            self.result = r.follower.call(function, *given, -1)
        except AuditError:
            raise
        except KeyboardInterrupt as error:
            raise AuditError(f"interrupted while {self.name} was running") from _own(error)
        except BaseException as error:
            raise AuditError(f"{self.name} raised {type(error).__name__}: {error}") from _own(error)
        if self.result is None:
            raise AuditError(f"the source of {self.name} is not at hand")
        self.returned = self.result.live

    def script(self, source: str, filename: str, namespace: dict[str, Any]) -> None:
        """Run the statements of a script, recorded.

        Raises
        ------
        AuditError
            As `call`.
        """
        r = self.recorder
        self.name, self.file = "<script>", filename
        try:
            tree = ast.parse(source, filename)
        except SyntaxError as error:
            raise AuditError(f"{filename}:{error.lineno}: {error.msg}") from error
        r.follower.files.add(filename)
        r.follower.spaces.append(namespace)
        r.follower.sources[filename] = source
        self.tree = ast.parse(source)
        module = self.rewriter.script(tree, filename)
        try:
            code = compile(module, filename, "exec", dont_inherit=True)
        except SyntaxError as error:
            raise AuditError(f"{filename}:{error.lineno}: {error.msg}") from error
        namespace[RECORDER] = r
        try:
            exec(code, namespace)  # the script itself, as it was asked for
        except KeyboardInterrupt as error:
            raise AuditError("interrupted while the script was running") from _own(error)
        except SystemExit as error:
            self.status = error.code
        except AuditError:
            raise
        except BaseException as error:
            raise AuditError(f"the script raised {type(error).__name__}: {error}") from _own(error)
        finally:
            for name in [n for n in namespace if n.startswith("_tg_")]:
                del namespace[name]

    @property
    def nodes(self) -> list[Node]:
        return self.recorder.nodes

    def program(self) -> Program:
        return Program(Graph(self.nodes), self.result, self.recorder)

    def _enough(self, _recorder: Recorder) -> bool:
        """Whether two turns of the training loop are recorded, with the one that runs."""
        return enough(self)


def enough(run: Recording) -> bool:
    """Whether the loop that steps the parameters has been through twice; looked at rarely."""
    program = run.program()
    loops = run.recorder.loops
    try:
        numbers = program.losses(run.loss)
    except AuditError:
        return False
    seen: set[int] = set()
    for n in sorted(numbers, key=lambda n: (not _named(n), n.index)):
        if n.site in seen or not n.loops:
            continue
        seen.add(n.site)
        if len(seen) > 6:
            return False
        it = program.with_updates(n)
        if it is None or not it.prefix:
            continue
        depth = len(it.prefix)
        here = loops[:depth]
        if len(here) == depth and here[-1][0] == it.prefix[-1][0]:
            return bool(here[-1][1] >= it.prefix[-1][1] + 3)
        return bool(len(here) == depth and here > it.prefix)
    return False


def _named(n: Node) -> bool:
    from .names import is_loss_name

    return is_loss_name(n.name)


def _own(error: BaseException) -> BaseException:
    """The error with a traceback of the program's own lines."""
    frames: list[types.TracebackType] = []
    tb = error.__traceback__
    while tb is not None:
        if "checking/audit/" not in tb.tb_frame.f_code.co_filename.replace("\\", "/"):
            frames.append(tb)
        tb = tb.tb_next
    rebuilt: types.TracebackType | None = None
    for t in reversed(frames):
        rebuilt = types.TracebackType(rebuilt, t.tb_frame, t.tb_lasti, t.tb_lineno)
    return error.with_traceback(rebuilt)
