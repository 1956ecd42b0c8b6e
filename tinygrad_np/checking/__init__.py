"""Is a gradient right? Hand-written against the tape, the tape against numeric derivatives."""

from .audit import AuditError, AuditReport, audit
from .compare import compare
from .comparison import Comparison, Row
from .diagnose import Diagnosis, diagnose
from .grads import check_grads
from .manual import check_manual
from .opkit import OpReport, check_op, draft_rule

__all__ = [
    "AuditError", "AuditReport", "Comparison", "Diagnosis", "OpReport", "Row", "audit", "check_grads", "check_manual",
    "check_op", "compare", "diagnose", "draft_rule",
]  # fmt: skip
