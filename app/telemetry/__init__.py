"""What this platform tells AWS's monitoring: the adapter, and what a machine knows of itself."""
