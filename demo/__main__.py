"""`python -m demo run` or `serve`. The exit code is 0, 1 after a sentence on stderr, or 128 + the signal."""

import sys

from demo.errors import DemoError
from demo.interruption import Interrupted, raise_on_signals


def main() -> int:
    """Run a command line; a signal is answered calmly from the first moment on, while libraries load too."""
    raise_on_signals()
    if sys.platform != "linux":
        return _complain("The embedded site runs on Linux: it relies on its kernel to leave no process behind.")
    try:
        from demo.commands import cli  # noqa: PLC0415 - see above

        cli()
    except (DemoError, OSError) as error:
        return _complain(str(error))
    except Interrupted as interrupted:
        sys.stderr.write(f"\nStopped by {interrupted}. Nothing is left running.\n")
        return interrupted.exit_code
    return 0


def _complain(sentence: str) -> int:
    sys.stderr.write(f"\n✘ {sentence}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
