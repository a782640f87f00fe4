"""A deployed machine's use of AWS: it reads settings and secrets, watches for its termination, and reports."""
