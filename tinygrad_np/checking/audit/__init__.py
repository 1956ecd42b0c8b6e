"""The audit: an ordinary NumPy training function, and a verdict on every line of its backward pass."""

from .entry import Audited, audit, audit_call, audit_script
from .report import AuditError, AuditReport, Finding, Line

__all__ = ["AuditError", "AuditReport", "Audited", "Finding", "Line", "audit", "audit_call", "audit_script"]
