"""Runs the operator's command against a site."""

import subprocess

from testing.homes import Home
from testing.preloaded import run_preloaded


def rising_stars(home: Home, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `rising-stars` and return the completed process with its output."""
    return run_preloaded("rising-stars", *words, environment={**home.environment, **environment})


def operate(home: Home, *words: str) -> str:
    """Run a command that must succeed and return its output."""
    done = rising_stars(home, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
