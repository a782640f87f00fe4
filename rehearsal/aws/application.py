"""moto's WSGI application, configured and patched. Import this module before any moto module."""

import os
from pathlib import Path
from typing import Any

# moto reads these variables when it is imported.
os.environ.setdefault("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")
os.environ.setdefault("MOTO_AMIS_PATH", str(Path(__file__).parent / "machine_images.json"))

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app

from rehearsal.aws import patches
from rehearsal.aws import strict as strict_mode
from rehearsal.aws.authorization import Authorization
from rehearsal.aws.plans import Plans
from rehearsal.aws.recording import Recorder
from rehearsal.aws.throttling import Throttle

RequestHandler = MotoRequestHandler


def build(record: Path | None, *, patched: bool = True, strict: int | None = None) -> Any:
    """Return the WSGI application.

    Args:
        record: the file that each call is appended to; None to record nothing.
        patched: whether to apply the patches.
        strict: the seed of the delays of strict mode; None to disable strict mode.
    """
    if patched:
        patches.apply()
    if strict is not None:
        strict_mode.apply(strict)
    application: Any = Throttle(Authorization(Plans(DomainDispatcherApplication(create_backend_app))))
    return Recorder(application, record) if record else application
