"""Is an op right? `check_op` asks, `OpReport` answers, and `draft_rule` writes a first rule."""

from .check import check_op
from .draft import draft_rule
from .report import Check, OpReport
from .strategies import arguments

__all__ = ["Check", "OpReport", "arguments", "check_op", "draft_rule"]
