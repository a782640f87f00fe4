"""The operator's command, as an operator runs it against a site."""

import subprocess

from testing.homes import PROGRAMS, Home


def rising_stars(home: Home, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `rising-stars`; its exit code and what it printed."""
    return subprocess.run(
        [str(PROGRAMS / "rising-stars"), *words],
        env={**home.environment, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def operate(home: Home, *words: str) -> str:
    """Run a command that must succeed; what it printed."""
    done = rising_stars(home, *words)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
