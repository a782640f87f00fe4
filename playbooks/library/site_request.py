"""Send one HTTP request with curl, optionally to a host other than the one in the URL."""

import json
from typing import Any

from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: site_request
short_description: Send one HTTP request with curl, optionally to a host other than the one in the URL
description:
  - Like M(ansible.builtin.uri), but can connect to a host other than the URL's (curl's C(--connect-to)). The TLS
    handshake still requests and verifies the certificate of the URL's host.
  - verify_site.yml uses this to reach a site through its load balancer before the site's own name exists in DNS.
    M(ansible.builtin.uri) cannot do so, because it has no option for the SNI name.
  - curl receives URL, headers and body on its standard input, so that they are not visible in the list of processes.
author: Rising Stars
options:
  url: {description: The URL., type: str, required: true}
  method: {description: The method., type: str, default: GET}
  headers: {description: The request's headers., type: dict, default: {}}
  body: {description: A body to send as JSON., type: dict}
  src: {description: A file to send as the body., type: path}
  connect_to:
    description:
      - Where to connect, as C(HOST1:PORT1:HOST2:PORT2). Requests to other hosts than HOST1 are not affected. An empty
        PORT1 matches every port; with an empty PORT2, the URL's port is used.
    type: str
    default: ""
  timeout_seconds: {description: Maximum duration of the request., type: int, default: 30}
  status_code: {description: Status codes of a successful response., type: list, elements: int, default: [200]}
"""

EXAMPLES = r"""
- name: Check that the site is ready
  site_request:
    url: https://stars.example.org/ready
    connect_to: "stars.example.org::rising-stars-1.us-east-1.elb.amazonaws.com:"
"""

RETURN = r"""
status: {description: "The response's status code; 0 if there is no response.", returned: always, type: int}
json: {description: "The response's body, if it is JSON.", returned: sometimes, type: raw}
resolved: {description: "Whether the host's name exists in DNS.", returned: always, type: bool}
"""

COULD_NOT_RESOLVE = 6
"""curl's exit code for a host whose name does not resolve (https://curl.se/libcurl/c/libcurl-errors.html)."""


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "method": {"type": "str", "default": "GET"},
            "headers": {"type": "dict", "default": {}},
            "body": {"type": "dict"},
            "src": {"type": "path"},
            "connect_to": {"type": "str", "default": ""},
            "timeout_seconds": {"type": "int", "default": 30},
            "status_code": {"type": "list", "elements": "int", "default": [200]},
        },
        mutually_exclusive=[["body", "src"]],
    )
    result = send(module)
    if result["status"] in module.params["status_code"]:
        module.exit_json(**result)
    module.fail_json(**result)


def send(module: Any) -> dict[str, Any]:
    """Send the request and return the module's result."""
    asked = module.params
    # --disable must be the first option: curl then ignores the user's .curlrc.
    command = [module.get_bin_path("curl", required=True), "--disable", "--silent", "--show-error", "--config", "-"]
    code, output, errors = module.run_command(command, data=configuration(asked), encoding=None)
    body, _, status = output.rpartition(b"\n")
    result: dict[str, Any] = {
        "changed": False,
        "status": int(status or 0),
        "resolved": code != COULD_NOT_RESOLVE,
        "msg": f"{asked['method']} {asked['url']} got the status {int(status or 0)}",
    }
    if code != 0:
        return result | {"status": 0, "msg": f"{asked['method']} {asked['url']} failed: {errors.decode().strip()}"}
    try:
        return result | {"json": json.loads(body)}
    except ValueError:
        return result


def configuration(asked: dict[str, Any]) -> str:
    """Return the request as curl's configuration file. The last line of the output is the response's status."""
    options = [("url", asked["url"]), ("request", asked["method"]), ("max-time", str(asked["timeout_seconds"]))]
    headers = dict(asked["headers"])
    if asked["connect_to"]:
        options.append(("connect-to", asked["connect_to"]))
    if asked["body"] is not None:
        headers["Content-Type"] = "application/json"
        options.append(("data-binary", json.dumps(asked["body"])))
    if asked["src"]:
        options.append(("data-binary", f"@{asked['src']}"))
    options += [("header", f"{name}: {value}") for name, value in headers.items()]
    lines = [f"{name} = {quoted(value)}\n" for name, value in options]
    return "".join([*lines, 'write-out = "\\n%{http_code}"\n'])


def quoted(text: str) -> str:
    r"""Return the text in double quotes, with the escapes \\, \", \t, \n and \r, as curl's configuration requires."""
    escapes = {"\\": r"\\", '"': r"\"", "\t": r"\t", "\n": r"\n", "\r": r"\r"}
    return '"' + "".join(escapes.get(character, character) for character in text) + '"'


if __name__ == "__main__":
    main()
