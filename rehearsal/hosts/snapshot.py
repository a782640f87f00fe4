"""List a machine's files, packages, units and users as JSON.

This program runs on the machine with Debian's Python, so it uses only the standard library.
"""

import grp
import hashlib
import json
import os
import pwd
import stat
import subprocess
import sys
from pathlib import Path

ROOTS = ("/etc", "/opt/rising-stars", "/usr/local", "/var/lib/rising-stars")


def take_snapshot() -> dict[str, str]:
    """Return a description of each item, keyed by a file's path or by a name such as `package openssl`."""
    found = {}
    for root in ROOTS:
        for folder, folders, files in os.walk(root):
            for path in (Path(folder, name) for name in (*folders, *files)):
                found[str(path)] = describe(path)
    found |= {f"package {line.split()[0]}": line for line in lines("dpkg-query", "--show", "--showformat", PACKAGE)}
    found |= {f"user {line.split(':')[0]}": line for line in lines("getent", "passwd")}
    found |= {f"group {line.split(':')[0]}": line for line in lines("getent", "group")}
    for line in lines("systemctl", "list-unit-files", *PLAIN):
        found[f"unit file {line.split()[0]}"] = line.split()[1]
    for line in lines("systemctl", "list-units", "--state", "active,failed", "--type", "service,timer,socket", *PLAIN):
        name, _, active, sub, *_ = line.split()
        found[f"running {name}"] = f"{active} {sub}"
    return found


PACKAGE = "${Package} ${Version} ${db:Status-Status}\n"
PLAIN = ("--no-legend", "--plain", "--no-pager")


def describe(path: Path) -> str:
    """Return a file's type, mode and owner, then a link's target or the content's digest (none for .pyc files)."""
    status = path.lstat()
    owner = f"{pwd.getpwuid(status.st_uid).pw_name}:{grp.getgrgid(status.st_gid).gr_name}"
    content = ""
    if stat.S_ISLNK(status.st_mode):
        content = str(path.readlink())
    elif stat.S_ISREG(status.st_mode) and path.suffix != ".pyc":  # a .pyc contains its source's modification time
        content = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"{stat.filemode(status.st_mode)} {owner} {content}"


def lines(*command: str) -> list[str]:
    """Return the lines that a command prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()


if __name__ == "__main__":
    sys.stdout.write(json.dumps(take_snapshot()))
