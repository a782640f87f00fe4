"""The exceptions that Peewee raises when the database is unavailable, as tuples for `except`."""

from peewee import InterfaceError, OperationalError
from playhouse.pool import MaxConnectionsExceeded

DATABASE_UNAVAILABLE = (OperationalError, InterfaceError)
"""The server is down, rejected or closed the connection, or a statement or a wait for a lock timed out."""

NO_CONNECTION = (*DATABASE_UNAVAILABLE, MaxConnectionsExceeded)
"""`DATABASE_UNAVAILABLE`, and the error of a pool in which no connection became free in time."""
