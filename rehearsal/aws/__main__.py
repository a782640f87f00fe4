"""Mock AWS: moto's server with patches for the AWS behaviour that moto lacks.

    python -m rehearsal.aws --port 5000 [--host 127.0.0.1] [--unpatched] [--strict SEED]
        [--record calls.jsonl] [--pid-file moto.pid]

The server listens on 127.0.0.1 unless `--host` gives another address, for example that of the test hosts' bridge.
`--record` appends each call to the file as one JSON line: {"service", "operation", "caller", "parameters", "writes"}.
Each patch (`rehearsal/aws/patches/`) names the AWS behaviour that it restores. `--strict` also delays and refuses calls
as AWS does (`rehearsal/aws/strict/`); the seed determines the delays. A client can enable throttling while the server
runs (`rehearsal/aws/throttling.py`).
"""

import argparse
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from werkzeug.serving import run_simple

from rehearsal.aws.application import RequestHandler, build


def main() -> None:
    """Serve until SIGTERM."""
    arguments = parse()
    application = build(arguments.record, patched=not arguments.unpatched, strict=arguments.strict)
    if arguments.pid_file:
        arguments.pid_file.write_text(str(os.getpid()))
    signal.signal(signal.SIGTERM, leave)
    run_simple(arguments.host, arguments.port, application, threaded=True, request_handler=RequestHandler)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m rehearsal.aws", description="Mock AWS: moto, patched.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on")
    parser.add_argument("--unpatched", action="store_true", help="run moto without the patches")
    parser.add_argument("--strict", type=int, metavar="SEED", help="delay and refuse as AWS does")
    parser.add_argument("--record", type=Path, help="append every call to this file, as JSON lines")
    parser.add_argument("--pid-file", type=Path, help="write the process ID to this file")
    return parser.parse_args()


def leave(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(0)


main()
