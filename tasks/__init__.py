"""The background processes (worker and upkeep), and the doorbell that wakes workers."""
