"""Runs the operator's command against a site."""

import subprocess

from testing.homes import PROGRAMS, Home


def rising_stars(home: Home, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `rising-stars` and return the completed process with its output."""
    return subprocess.run(
        [str(PROGRAMS / "rising-stars"), *words],
        env={**home.environment, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def operate(home: Home, *words: str) -> str:
    """Run a command that must succeed and return its output."""
    done = rising_stars(home, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
