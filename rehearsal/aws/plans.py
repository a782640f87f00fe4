"""Serve the Free Tier API, which moto lacks, and change the account's plan.

POST {"plan": "FREE"} or {"plan": "PAID"} as JSON to `/tests-aws/plan` sets the plan. Initially, the plan is PAID.
`patches/plans.py` rejects what AWS rejects on a free plan.
"""

import json
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from rehearsal.aws.errors import Answer, send
from rehearsal.aws.recording import Application, Environ, read_call

ORDERS = "/tests-aws/plan"
FREE = "FREE"

account = {"plan": "PAID"}


class Plans:
    """WSGI middleware that serves the Free Tier API and sets the plan."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        if environ["PATH_INFO"] == ORDERS:
            account.update(json.loads(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))))
            return send(_json(account), environ, start_response)
        call = read_call(environ)
        if call is not None and call.operation == "GetAccountPlanState":
            state = {"accountId": "123456789012", "accountPlanType": account["plan"], "accountPlanStatus": "ACTIVE"}
            return send(_json(state), environ, start_response)
        return self._application(environ, start_response)


def _json(content: dict[str, str]) -> Answer:
    return Answer(HTTPStatus.OK, json.dumps(content), {"Content-Type": "application/x-amz-json-1.0"})
