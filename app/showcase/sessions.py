"""Sessions: opens, refreshes and ends them, and authenticates requests."""

from dataclasses import dataclass
from uuid import UUID, uuid4

from peewee import BaseQuery

from app.db.compiled import CompiledQuery, parameter
from app.db.database import db_now, on_postgresql, read_now, transaction
from app.db.models import RefreshToken, Session, User
from app.showcase.errors import InvalidCredentials, NotSignedIn
from app.showcase.tokens import Claims, Tokens, digest


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The tokens of a session just opened or refreshed; `expires_in` is in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int


@dataclass(frozen=True, slots=True)
class Member:
    """The authenticated sender of a request."""

    id: UUID
    session_id: UUID


def _living_session() -> BaseQuery:
    """Return the query that finds a session unless it has ended or its account is suspended."""
    same = (Session.id == parameter("session")) & (Session.user == parameter("user"))
    return Session.select(Session.created_at).join(User).where(same, Session.ended_at.is_null(), User.is_active)


LIVING_SESSION = CompiledQuery(_living_session)


class Sessions:
    """The sessions of all accounts. A token identifies a session; the database records whether it has ended."""

    def __init__(self, tokens: Tokens, *, refresh_seconds: int, reuse_grace_seconds: int) -> None:
        self._tokens = tokens
        self._refresh_seconds = refresh_seconds
        self._reuse_grace_seconds = reuse_grace_seconds

    def open(self, user_id: UUID) -> SignedIn:
        """Open a session for an account.

        Raises:
            InvalidCredentials: an operator suspended the account.
        """
        token = self._tokens.first_refresh()
        with transaction():
            session_id, now = self._begin(user_id)
            self._add_refresh_token(session_id, token, now)
        return self._signed_in(user_id, session_id, token)

    def open_for_browser(self, user_id: UUID) -> str:
        """Open a session for an account, and return the token for the browser's cookie.

        Raises:
            InvalidCredentials: an operator suspended the account.
        """
        with transaction():
            session_id, _ = self._begin(user_id)
        return self._tokens.issue_page(user_id, session_id, seconds=self.browser_seconds)

    def _begin(self, user_id: UUID) -> tuple[UUID, float]:
        """Insert a session in the caller's transaction. Return its id and the database's time."""
        if not _is_active(user_id):
            raise InvalidCredentials
        session_id, now = uuid4(), read_now()
        Session.insert(id=session_id, user=user_id, created_at=now, expires_at=now + self._refresh_seconds).execute()
        return session_id, now

    def refresh(self, token: str) -> SignedIn:
        """Rotate a refresh token: return its successor and a new access token.

        If the client did not get the response, it may send the old token again within the grace period, and gets the
        same successor. After that, a use of the old token counts as reuse and ends the session.

        Raises:
            NotSignedIn: the token is unknown, expired or reused, or its session has ended.
        """
        with transaction():
            continued = self._rotate(token)
        if continued is None:
            raise NotSignedIn
        session, successor = continued
        return self._signed_in(session.user_id, session.id, successor)

    def _rotate(self, token: str) -> tuple[Session, str] | None:
        """Return the token's session and its successor, or None when the token is not valid."""
        row = (
            RefreshToken.select(RefreshToken, Session)
            .join(Session)
            .join(User)
            .where(RefreshToken.digest == digest(token), Session.ended_at.is_null(), User.is_active)
            .first()
        )
        now = read_now()
        if row is None or row.expires_at <= now or not self._holds(row):
            return None
        session: Session = row.session
        unused = (RefreshToken.digest == row.digest) & RefreshToken.used_at.is_null()
        if RefreshToken.update(used_at=now).where(unused).execute():
            successor = self._tokens.next_refresh(token)
            self._add_refresh_token(session.id, successor, now)
            return session, successor
        if row.used_at is not None and now - row.used_at > self._reuse_grace_seconds:
            self._end(session.id)
            return None
        return session, self._given_before(session.id, token)

    def _holds(self, row: RefreshToken) -> bool:
        """Whether a stored token is sealed under an accepted secret, or stored without a seal by an earlier release."""
        return row.seal is None or self._tokens.is_seal_of(row.digest, row.seal)

    def _given_before(self, session_id: UUID, token: str) -> str:
        """Return the successor that a used token already has. Any accepted secret may have been used to derive it."""
        for successor in self._tokens.possible_successors(token):
            known = (RefreshToken.digest == digest(successor)) & (RefreshToken.session == session_id)
            if RefreshToken.select().where(known).exists():
                return successor
        raise NotSignedIn

    def sign_out(self, member: Member) -> None:
        """End the session, which invalidates its access and refresh tokens at once."""
        self._end(member.session_id)

    def sign_out_everywhere(self, member: Member) -> None:
        """End all sessions of the account: those of browsers, and those of the API's clients."""
        Session.update(ended_at=db_now()).where(Session.user == member.id, Session.ended_at.is_null()).execute()

    @property
    def browser_seconds(self) -> int:
        """How long a browser stays signed in."""
        return self._refresh_seconds

    def authenticate_browser(self, token: str, *, at: float | None = None) -> Member:
        """Return the holder of a browser's token, validated as of `at` (epoch seconds; now when None).

        Raises:
            NotSignedIn: the token is invalid, or its session has ended.
        """
        return _holder(self._tokens.read_page(token, at=at))

    def authenticate(self, token: str, *, at: float | None = None) -> Member:
        """Return the holder of an access token, validated as of `at` (epoch seconds; now when None).

        Raises:
            NotSignedIn: the token is invalid, or its session has ended.
        """
        return _holder(self._tokens.read_access(token, at=at))

    def _add_refresh_token(self, session_id: UUID, token: str, now: float) -> None:
        expires_at = now + self._refresh_seconds
        stored = digest(token)
        RefreshToken.insert(
            digest=stored, session=session_id, expires_at=expires_at, seal=self._tokens.seal(stored)
        ).execute()
        Session.update(expires_at=expires_at).where(Session.id == session_id).execute()

    @staticmethod
    def _end(session_id: UUID) -> None:
        Session.update(ended_at=db_now()).where(Session.id == session_id, Session.ended_at.is_null()).execute()

    def _signed_in(self, user_id: UUID, session_id: UUID, refresh_token: str) -> SignedIn:
        access_token = self._tokens.issue_access(user_id, session_id)
        return SignedIn(access_token, refresh_token, self._tokens.access_seconds)


def _holder(claims: Claims) -> Member:
    """Return the account whose session the claims name, unless the session has ended."""
    if not LIVING_SESSION.rows(session=claims.session_id.hex, user=claims.user_id.hex):
        raise NotSignedIn
    return Member(claims.user_id, claims.session_id)


def _is_active(user_id: UUID) -> bool:
    """Whether an account is active.

    On PostgreSQL, a lock on the account's row makes a concurrent suspension wait until the new session is committed.
    The suspension then ends that session, too.
    """
    active = User.select(User.id).where(User.id == user_id, User.is_active)
    if on_postgresql():
        active = active.for_update("FOR SHARE")  # type: ignore[arg-type] # the stubs know one kind of lock
    return active.first() is not None
