"""If Python was started to run an Ansible module, have the server of preloaded modules run it instead.

Python imports `sitecustomize` at its start, and `preloaded_modules` puts this folder on PYTHONPATH, so no playbook,
inventory or scenario needs to mention the server. The module uses this process's standard streams. This process waits
for the module and exits with its exit code. If this process is killed, the server kills the module.
"""

import json
import os
import socket
import sys
import traceback
from pathlib import Path

import scaled_sleep


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


if Path(sys.argv[0]).name == "ansible-playbook":
    scaled_sleep.scale_sleeps()

# The server can run a module only for its own Python installation, because another one may have other packages.
if sys.executable == os.environ.get("PRELOADED_PYTHON") and "/AnsiballZ_" in "".join(sys.orig_argv[1:2]):
    exit_code = 1
    try:
        exit_code = run_on(os.environ["PRELOADED_MODULES"])
    except OSError:
        traceback.print_exc()
    finally:
        os._exit(exit_code)
