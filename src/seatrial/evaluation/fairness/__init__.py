"""Fairness audit: groups, gaps between them, stand-ins for a protected column, and what parity would cost."""

from seatrial.evaluation.fairness.audit import Asked, audit_decisions

__all__ = ["Asked", "audit_decisions"]
