"""Keeping a site in order: what operators do to it, what upkeep does for it, and what both need to know."""
