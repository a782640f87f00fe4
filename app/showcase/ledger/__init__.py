"""The job ledger: every transition of a job is one guarded UPDATE in this package.

The job's row is both the source of truth and the outbox; the queue is only a doorbell. An UPDATE that matches no row
has lost a race with another process, and its caller stops. All times come from the database's clock (`db_now`).
"""
