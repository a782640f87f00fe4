"""The audit log of operators' actions."""

from app.db.database import db_now
from app.db.models import Audit


def record(actor: str, action: str, subject: str, detail: str = "") -> None:
    """Record an operator's action, in the transaction that performs it."""
    Audit.insert(at=db_now(), actor=actor, action=action, subject=subject, detail=detail).execute()
