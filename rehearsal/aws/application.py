"""moto's application as tests want it. Whoever serves it imports this before anything else of moto."""

import os
from pathlib import Path
from typing import Any

# Before moto is imported: it reads them then.
os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
os.environ.setdefault("MOTO_AMIS_PATH", str(Path(__file__).parent / "machine_images.json"))

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app

from rehearsal.aws import patches
from rehearsal.aws.recording import Recorder
from rehearsal.aws.throttling import Throttle

RequestHandler = MotoRequestHandler


def build(record: Path | None, *, patched: bool = True) -> Any:
    """A WSGI application.

    Args:
        record: where each call is noted; None for nowhere.
        patched: with what moto lacks put right.
    """
    if patched:
        patches.apply()
    application: Any = Throttle(DomainDispatcherApplication(create_backend_app))
    return Recorder(application, record) if record else application
