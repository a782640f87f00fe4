"""Add the table of workers and their health."""

from peewee import CharField, Database, DoubleField, Model, TextField
from playhouse.migrate import SchemaMigrator


class Worker(Model):
    name = CharField(255, primary_key=True)
    version = CharField(40)
    started_at = DoubleField()
    seen_at = DoubleField(index=True)
    problem = TextField(null=True)

    class Meta:
        table_name = "workers"


def up(_migrator: SchemaMigrator, db: Database) -> None:
    """Create the table, with the model bound only to the database that is migrated."""
    with db.bind_ctx([Worker]):
        db.create_tables([Worker])
