"""Create the first schema: accounts, videos, votes, the job ledger, the audit log and the idempotency keys.

The models in this file are a frozen copy, so later changes to `app.db.models` do not affect this migration.
"""

from peewee import (
    SQL,
    AutoField,
    BigIntegerField,
    BooleanField,
    CharField,
    CompositeKey,
    Database,
    DoubleField,
    ForeignKeyField,
    IntegerField,
    Model,
    TextField,
    UUIDField,
)
from playhouse.migrate import SchemaMigrator


class User(Model):
    id = UUIDField(primary_key=True)
    email = CharField(254, unique=True)
    password_hash = CharField(255)
    first_name = CharField(100)
    last_name = CharField(100)
    city = CharField(100, null=True)
    city_key = CharField(100, null=True, index=True)
    country = CharField(100, null=True)
    is_active = BooleanField()
    created_at = DoubleField()
    last_claimed_at = DoubleField()

    class Meta:
        table_name = "users"


class Session(Model):
    id = UUIDField(primary_key=True)
    user = ForeignKeyField(User)
    created_at = DoubleField()
    expires_at = DoubleField(index=True)
    ended_at = DoubleField(null=True)

    class Meta:
        table_name = "sessions"


class RefreshToken(Model):
    digest = CharField(64, primary_key=True)
    session = ForeignKeyField(Session, on_delete="CASCADE")
    expires_at = DoubleField()
    used_at = DoubleField(null=True)

    class Meta:
        table_name = "refresh_tokens"


class Video(Model):
    id = UUIDField(primary_key=True)
    user = ForeignKeyField(User)
    title = CharField(200)
    status = CharField(16)
    original_key = CharField(255, null=True)
    original_bytes = BigIntegerField(null=True)
    original_sha256 = CharField(64, null=True)
    processed_key = CharField(255, null=True)
    poster_key = CharField(255, null=True)
    failure_code = CharField(40, null=True)
    votes = IntegerField(constraints=[SQL("CHECK (votes >= 0)")])
    uploaded_at = DoubleField()
    processed_at = DoubleField(null=True)
    published_at = DoubleField(null=True)
    deleted_at = DoubleField(null=True)

    class Meta:
        table_name = "videos"
        indexes = ((("published_at", "id"), False), (("user", "uploaded_at"), False))


class Vote(Model):
    user = ForeignKeyField(User)
    video = ForeignKeyField(Video, index=True)
    created_at = DoubleField()

    class Meta:
        table_name = "votes"
        primary_key = CompositeKey("user", "video")


class Job(Model):
    id = UUIDField(primary_key=True)
    video = ForeignKeyField(Video, unique=True)
    profile = CharField(16)
    state = CharField(16)
    attempt = IntegerField()
    max_attempts = IntegerField()
    rescues = IntegerField()
    setbacks = IntegerField()
    run_at = DoubleField()
    dispatched_at = DoubleField(null=True)
    lease_owner = CharField(255, null=True)
    lease_token = UUIDField(null=True)
    lease_expires_at = DoubleField(null=True)
    progress = DoubleField()
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
        indexes = ((("state", "run_at"), False), (("state", "lease_expires_at"), False))


class Audit(Model):
    id = AutoField()
    at = DoubleField()
    actor = CharField(255)
    action = CharField(40)
    subject = CharField(255)
    detail = TextField()

    class Meta:
        table_name = "audit"


class IdempotencyKey(Model):
    scope = CharField(64)
    key = CharField(255)
    fingerprint = CharField(64)
    resource_id = UUIDField()
    created_at = DoubleField(index=True)

    class Meta:
        table_name = "idempotency_keys"
        primary_key = CompositeKey("scope", "key")


TABLES = (User, Session, RefreshToken, Video, Vote, Job, Audit, IdempotencyKey)


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Create every table, with the models bound only to the database that is migrated."""
    with db.bind_ctx(TABLES):
        db.create_tables(TABLES)
