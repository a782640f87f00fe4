"""Send one HTTP request, optionally to a host other than the one in the URL."""

import json
import urllib.request
from pathlib import Path
from typing import Any

import urllib3
from ansible.module_utils.basic import AnsibleModule

DOCUMENTATION = r"""
module: site_request
short_description: Send one HTTP request, optionally to a host other than the one in the URL
description:
  - Like M(ansible.builtin.uri), but can connect to a host other than the URL's. The TLS handshake still requests and
    verifies the certificate of the URL's host.
  - verify_site.yml uses this to reach a site through its load balancer before the site's own name exists in DNS.
    M(ansible.builtin.uri) cannot do so, because it has no option for the SNI name.
  - Sends the request with urllib3, which boto3 needs anyway. An HTTPS request passes through the proxy that the
    environment names (C(https_proxy), C(no_proxy)).
author: Rising Stars
options:
  url: {description: The URL., type: str, required: true}
  method: {description: The method., type: str, default: GET}
  headers: {description: The request's headers., type: dict, default: {}}
  body: {description: A body to send as JSON., type: dict}
  src: {description: A file to send as the body., type: path}
  connect_to:
    description:
      - The host to connect to, for each host of a URL. Requests to other hosts are not affected. The port is the
        URL's.
    type: dict
    default: {}
  timeout_seconds: {description: Maximum duration of the request., type: int, default: 30}
  status_code: {description: Status codes of a successful response., type: list, elements: int, default: [200]}
"""

EXAMPLES = r"""
- name: Check that the site is ready
  site_request:
    url: https://stars.example.org/ready
    connect_to: {stars.example.org: rising-stars-1.us-east-1.elb.amazonaws.com}
"""

RETURN = r"""
status: {description: "The response's status code; 0 if there is no response.", returned: always, type: int}
json: {description: "The response's body, if it is JSON.", returned: sometimes, type: raw}
content_type: {description: "The response's Content-Type.", returned: if there is a response, type: str}
resolved: {description: "Whether the host's name exists in DNS.", returned: always, type: bool}
"""


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "url": {"type": "str", "required": True},
            "method": {"type": "str", "default": "GET"},
            "headers": {"type": "dict", "default": {}},
            "body": {"type": "dict"},
            "src": {"type": "path"},
            "connect_to": {"type": "dict", "default": {}},
            "timeout_seconds": {"type": "int", "default": 30},
            "status_code": {"type": "list", "elements": "int", "default": [200]},
        },
        mutually_exclusive=[["body", "src"]],
    )
    result = send(module.params)
    if result["status"] in module.params["status_code"]:
        module.exit_json(**result)
    module.fail_json(**result)


def send(asked: dict[str, Any]) -> dict[str, Any]:
    """Send the request and return the module's result."""
    what = f"{asked['method']} {asked['url']}"
    try:
        response = respond(asked)
    except (OSError, urllib3.exceptions.HTTPError) as error:
        resolved = not isinstance(error, urllib3.exceptions.NameResolutionError)
        return {"changed": False, "status": 0, "resolved": resolved, "msg": f"{what} failed: {error}"}
    result = {
        "changed": False,
        "status": response.status,
        "resolved": True,
        "content_type": response.headers.get("Content-Type", ""),
        "msg": f"{what} got the status {response.status}",
    }
    try:
        return result | {"json": response.json()}
    except ValueError:
        return result


def respond(asked: dict[str, Any]) -> urllib3.BaseHTTPResponse:
    """Return the response to the request. A redirect is not followed."""
    url = urllib3.util.parse_url(asked["url"])
    headers, body = {**asked["headers"], "Host": url.netloc}, None
    if asked["body"] is not None:
        headers["Content-Type"], body = "application/json", json.dumps(asked["body"]).encode()
    elif asked["src"]:
        body = Path(asked["src"]).read_bytes()
    connections = connections_to(url, asked["connect_to"].get(url.host, url.host))
    timeout = urllib3.Timeout(total=asked["timeout_seconds"])
    return connections.urlopen(
        asked["method"], url.request_uri, body=body, headers=headers, timeout=timeout, retries=False, redirect=False
    )


def connections_to(url: urllib3.util.Url, host: str) -> urllib3.HTTPConnectionPool:
    """Return connections to `host` that verify the certificate of the URL's host."""
    if url.scheme != "https":
        return urllib3.PoolManager().connection_from_host(host, url.port, url.scheme)
    proxy = urllib.request.getproxies().get("https")
    manager = urllib3.ProxyManager(proxy) if proxy and not urllib.request.proxy_bypass(host) else urllib3.PoolManager()
    return manager.connection_from_host(host, url.port, url.scheme, pool_kwargs={"server_hostname": url.host})


if __name__ == "__main__":
    main()
