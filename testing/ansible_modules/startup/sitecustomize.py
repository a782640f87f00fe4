"""Have a server of preloaded modules run this module, if Python was started to run an Ansible module.

Python imports `sitecustomize` at its start, and `preloaded_modules` puts this folder on PYTHONPATH. So no playbook,
inventory or scenario has to know about the server. This process waits for the module, with its output and exit code;
when this process is killed, the server kills the module.
"""

import json
import os
import socket
import sys
import traceback
from pathlib import Path


def run_on(server: str) -> int:
    """Run the module with this process's arguments, environment and standard streams, and return its exit code."""
    umask = os.umask(0)
    os.umask(umask)
    request = {
        "arguments": sys.orig_argv[1:],
        "directory": str(Path.cwd()),
        "environment": dict(os.environ),
        "umask": umask,
    }
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.connect(server)
        socket.send_fds(connection, [json.dumps(request).encode()], [0, 1, 2])
        code = connection.recv(16)
    if not code:
        raise ConnectionError("The server of testing.ansible_modules has ended.")
    return int(code)


# Only the interpreter of the server itself has the server's packages.
if sys.executable == os.environ.get("PRELOADED_PYTHON") and "/AnsiballZ_" in "".join(sys.orig_argv[1:2]):
    exit_code = 1
    try:
        exit_code = run_on(os.environ["PRELOADED_MODULES"])
    except OSError:
        traceback.print_exc()
    finally:
        os._exit(exit_code)
