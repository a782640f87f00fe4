"""A trace of what operators did."""

from app.db.database import db_now
from app.db.models import Audit


def record(actor: str, action: str, subject: str, detail: str = "") -> None:
    """Note an operator's act, in the transaction that carries it out."""
    Audit.insert(at=db_now(), actor=actor, action=action, subject=subject, detail=detail).execute()
