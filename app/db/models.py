"""The tables. Times are epoch seconds by the database's clock (`db_now`). Ids are UUIDs, except in the audit log.

To prevent deadlocks, a transaction that writes several of these rows locks them in this order: job, vote, video, user,
standing; several videos in the order of their players' ids, then of their own.
"""

from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from peewee import (
    SQL,
    AutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    CompositeKey,
    DoubleField,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
    UUIDField,
)
from playhouse.fields import EnumField

from app.db.database import database


class VideoStatus(StrEnum):
    """The status of a clip, as its owner sees it."""

    UPLOADED = "uploaded"
    PROCESSING = "processing"
    PROCESSED = "processed"
    FAILED = "failed"
    REJECTED = "rejected"


class JobState(StrEnum):
    """The state of a render job. `app.showcase.ledger` contains every transition."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Table(Model):
    """The base class of all tables."""

    class Meta:
        database = database
        legacy_table_names = False


class User(Table):
    """An account: a player, a voter, or both."""

    id = UUIDField(primary_key=True)
    email = CharField(254, unique=True)
    """In lower case, so that addresses which differ only in case belong to one account."""
    password_hash = CharField(255)
    first_name = CharField(100)
    last_name = CharField(100)
    city = CharField(100, null=True)
    city_key = CharField(100, null=True, index=True)
    """The form of the city that filters compare: all spellings are folded into one (`app.showcase.texts.city_key`)."""
    country = CharField(100, null=True)
    is_active = BooleanField(default=True)
    is_verification = BooleanField(default=False)
    """Whether `playbooks/verify_site.yml`, not a person, created the account: see `app.showcase.verification`."""
    signup_address = CharField(64, null=True)
    """A keyed digest of the client's address at sign-up, stored for a week: see `app.operations.bursts`."""
    created_at = DoubleField()
    last_claimed_at = DoubleField(default=0)
    """When a worker last claimed one of this player's clips, for the fair order.

    A render that times out sets it to a time in the future, so that the player's clips wait longer.
    """

    class Meta:
        table_name = "users"

    @property
    def username(self) -> str:
        """The public name."""
        return f"{self.first_name} {self.last_name}"


class Session(Table):
    """A sign-in on one device. When the session ends, its tokens become invalid."""

    id = UUIDField(primary_key=True)
    user = ForeignKeyField(User, backref="sessions")
    user_id: UUID
    created_at = DoubleField()
    expires_at = DoubleField(index=True)
    """When the last refresh token expires and the row may be swept. Each refresh postpones this time."""
    ended_at = DoubleField(null=True)

    class Meta:
        table_name = "sessions"


class RefreshToken(Table):
    """One refresh token in a session's chain. Only its digest is stored."""

    digest = CharField(64, primary_key=True)
    session = ForeignKeyField(Session, backref="refresh_tokens", on_delete="CASCADE")
    expires_at = DoubleField()
    used_at = DoubleField(null=True)
    seal = CharField(64, null=True)
    """An HMAC of the digest under a key derived from JWT_SECRET. The token is valid only while that secret is accepted.

    Null in rows from earlier releases.
    """

    class Meta:
        table_name = "refresh_tokens"


class Video(Table):
    """A clip and its status in the showcase."""

    id = UUIDField(primary_key=True)
    user = ForeignKeyField(User, backref="videos")
    user_id: UUID
    title = CharField(200)
    status = EnumField(VideoStatus, max_length=16, default=VideoStatus.UPLOADED)
    original_key = CharField(255, null=True)
    """Null for a clip that was imported without its original."""
    original_bytes = BigIntegerField(null=True)
    original_sha256 = CharField(64, null=True)
    processed_key = CharField(255, null=True)
    poster_key = CharField(255, null=True)
    failure_code = CharField(40, null=True)
    notice_code = CharField(40, null=True)
    """A remark for the player about the processed clip; null when there is none."""
    votes = IntegerField(default=0, constraints=[SQL("CHECK (votes >= 0)")])
    uploaded_at = DoubleField()
    processed_at = DoubleField(null=True)
    published_at = DoubleField(null=True)
    """Set when the clip is published; null before, for example during review."""
    deleted_at = DoubleField(null=True)
    hidden_at = DoubleField(null=True)
    """Set while an operator hides the clip from the public."""
    city_key = CharField(100, null=True)
    """The player's city key. Triggers copy this column and the next one, so that lists have an index that fits."""
    is_verification = BooleanField(default=False)
    """Whether the player is a verification account."""

    class Meta:
        table_name = "videos"
        indexes: ClassVar = ((("published_at", "id"), False), (("user", "uploaded_at"), False))


class PlayerStanding(Table):
    """A player's row of the ranking. Triggers (migration 0008) maintain it within each transaction that changes a clip.

    A player who had a public clip keeps the row.
    """

    user = ForeignKeyField(User, primary_key=True, on_delete="CASCADE")
    user_id: UUID
    votes = BigIntegerField(default=0)
    """The votes of the player's public clips."""
    first_uploaded_at = DoubleField(null=True)
    """When the player uploaded the first of these clips; null while there are none."""
    city_key = CharField(100, null=True)
    is_verification = BooleanField(default=False)

    class Meta:
        table_name = "standings"


class Vote(Table):
    """One account's vote for one video. The primary key prevents a second vote."""

    user = ForeignKeyField(User, backref="votes")
    user_id: UUID
    video = ForeignKeyField(Video, backref="ballots", index=True)
    video_id: UUID
    created_at = DoubleField()
    voided_at = DoubleField(null=True)
    """Set while the vote does not count because an operator voided it."""

    class Meta:
        table_name = "votes"
        primary_key = CompositeKey("user", "video")


class Job(Table):
    """The ledger of render jobs, one row per video: both the source of truth and the outbox."""

    id = UUIDField(primary_key=True)
    video = ForeignKeyField(Video, backref="jobs", unique=True)
    video_id: UUID
    profile = CharField(16)
    state = EnumField(JobState, max_length=16, default=JobState.QUEUED)
    attempt = IntegerField(default=0)
    max_attempts = IntegerField()
    rescues = IntegerField(default=0)
    setbacks = IntegerField(default=0)
    """The number of failures of dependencies (S3, database, disk). Each causes a backoff, but uses up no attempt."""
    timeouts = IntegerField(default=0)
    """The number of attempts that timed out."""
    run_at = DoubleField()
    dispatched_at = DoubleField(null=True)
    lease_owner = CharField(255, null=True)
    lease_token = UUIDField(null=True)
    lease_expires_at = DoubleField(null=True)
    progress = DoubleField(default=0)
    """0 to 1."""
    cancel_requested_at = DoubleField(null=True)
    output_key = CharField(255, null=True)
    output_bytes = BigIntegerField(null=True)
    output_sha256 = CharField(64, null=True)
    error_code = CharField(40, null=True)
    error_detail = TextField(null=True)
    created_at = DoubleField()
    started_at = DoubleField(null=True)
    finished_at = DoubleField(null=True)

    class Meta:
        table_name = "jobs"
        indexes: ClassVar = ((("state", "run_at"), False), (("state", "lease_expires_at"), False))


class Audit(Table):
    """The audit log of operators' actions."""

    id = AutoField()
    at = DoubleField()
    actor = CharField(255)
    action = CharField(40)
    subject = CharField(255)
    detail = TextField()

    class Meta:
        table_name = "audit"


class IdempotencyKey(Table):
    """A request that created a resource. Later requests with the same key and body get this resource."""

    scope = CharField(64)
    """`signup`, `import`, or `upload:<user id>`."""
    key = CharField(255)
    fingerprint = CharField(64)
    resource_id = UUIDField()
    created_at = DoubleField(index=True)

    class Meta:
        table_name = "idempotency_keys"
        primary_key = CompositeKey("scope", "key")


class Worker(Table):
    """A worker process and its health. The process updates its row while it runs."""

    name = CharField(255, primary_key=True)
    """`host:pid`, as in `jobs.lease_owner`."""
    version = CharField(40)
    started_at = DoubleField()
    seen_at = DoubleField(index=True)
    problem = TextField(null=True)
    """A sentence for the operator; null when the worker is healthy."""

    class Meta:
        table_name = "workers"


TABLES = (User, Session, RefreshToken, Video, PlayerStanding, Vote, Job, Audit, IdempotencyKey, Worker)
