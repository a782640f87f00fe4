"""AWS' errors in the format of EC2, S3, the JSON protocols or the Query protocol."""

import html
import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any, NamedTuple

from rehearsal.aws.recording import Environ


class Answer(NamedTuple):
    """An HTTP response: status, body and headers."""

    status: HTTPStatus
    body: str
    headers: dict[str, str]


class Codes(NamedTuple):
    """The code of one error in each protocol."""

    ec2: str
    s3: str
    json: str
    query: str


def error(service: str, environ: Environ, codes: Codes, message: str, *, status: HTTPStatus) -> Answer:
    """Return the error response to a request. EC2 and S3 send `status`; the other services send 400."""
    text = html.escape(message, quote=False)
    if service == "ec2":
        body = f"<Errors><Error><Code>{codes.ec2}</Code><Message>{text}</Message></Error></Errors>"
        return _xml(status, f"<Response>{body}<RequestID>0</RequestID></Response>")
    if service == "s3":
        return _xml(status, f"<Error><Code>{codes.s3}</Code><Message>{text}</Message></Error>")
    if "HTTP_X_AMZ_TARGET" in environ:
        # CloudWatch formerly used the Query protocol, and still sends that protocol's error codes in this header.
        old = {"x-amzn-query-error": f"{codes.query};Sender"} if service == "monitoring" else {}
        headers = {"Content-Type": "application/x-amz-json-1.1", **old}
        return Answer(HTTPStatus.BAD_REQUEST, json.dumps({"__type": codes.json, "message": message}), headers)
    body = f"<Error><Type>Sender</Type><Code>{codes.query}</Code><Message>{text}</Message></Error>"
    return _xml(HTTPStatus.BAD_REQUEST, f"<ErrorResponse>{body}<RequestId>0</RequestId></ErrorResponse>")


def _xml(status: HTTPStatus, body: str) -> Answer:
    return Answer(status, body, {"Content-Type": "text/xml"})


def send(answer: Answer, environ: Environ, start_response: Any) -> Iterable[bytes]:
    """Send the response, without a body for a HEAD request."""
    body = answer.body.encode()
    headers = {**answer.headers, "Content-Length": str(len(body))}
    start_response(f"{answer.status.value} {answer.status.phrase}", list(headers.items()))
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]
