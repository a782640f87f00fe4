"""Hostile requests and mutated clips, made from a seed, and what became of them."""
