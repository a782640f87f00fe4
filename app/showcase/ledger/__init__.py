"""The job ledger: every transition of a render is one guarded UPDATE in this package.

The row is both the truth and the outbox; the queue is only a doorbell. An UPDATE that meets zero rows has lost to
another process, and its caller stops. All times are the database's (`db_now`).
"""
