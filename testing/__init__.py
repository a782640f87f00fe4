"""Shared by tests, fault runs, rehearsals and benchmarks: real servers, running sites, generated clips. No pytest."""
