"""The program `python -m demo`, with the commands `run` and `serve`.

It exits with 0 after success, with 1 after an error, whose message is on stderr, and with 128 + the signal's number
after a signal.
"""

import sys

from demo.errors import DemoError
from demo.interruption import Interrupted, raise_on_signals


def main() -> int:
    """Run the command line. Signal handlers are installed first, so that they work while libraries load."""
    raise_on_signals()
    if sys.platform != "linux":
        return _report_error("The embedded site runs only on Linux, whose kernel ends all of its processes.")
    try:
        from demo.commands import cli  # noqa: PLC0415 - after the signal handlers

        cli()
    except (DemoError, OSError) as error:
        return _report_error(str(error))
    except Interrupted as interrupted:
        sys.stderr.write(f"\nStopped by {interrupted}. Nothing is left running.\n")
        return interrupted.exit_code
    return 0


def _report_error(message: str) -> int:
    sys.stderr.write(f"\n✘ {message}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
