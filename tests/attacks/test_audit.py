"""An operator tries to act without leaving their name in the audit log."""

import getpass
import uuid

import pytest

from app.config import Settings
from app.db.models import Audit, JobState
from testing.homes import Home
from tests.attacks.operators import rising_stars
from tests.ledger import add_clip, job_of

pytestmark = pytest.mark.either_backend

DEPLOYED = {"HOST_KIND": "worker"}


@pytest.fixture
def clip(settings: Settings) -> uuid.UUID:
    return add_clip(settings)


def actors() -> list[str]:
    return [row.actor for row in Audit.select().order_by(Audit.id)]


def test_on_a_deployed_machine_an_operator_must_give_a_name(own_home: Home, clip: uuid.UUID) -> None:
    refused = rising_stars(own_home, "jobs", "cancel", str(clip), **DEPLOYED)
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "Name yourself" in refused.stderr
    assert job_of(clip).state is JobState.QUEUED
    assert actors() == []


@pytest.mark.parametrize("how", ["option", "environment"])
def test_the_audit_names_the_person_the_session_and_the_machine(own_home: Home, clip: uuid.UUID, how: str) -> None:
    name = "Marta Díaz, session marta-0123456789abcdef0"
    words = ["--actor", name] if how == "option" else []
    environment = {"ACTOR": name} if how == "environment" else {}
    done = rising_stars(own_home, *words, "jobs", "cancel", str(clip), **DEPLOYED, **environment)
    assert done.returncode == 0, done.stderr
    (actor,) = actors()
    assert actor.startswith(f"{name} ({getpass.getuser()}@")


def test_on_an_operators_own_machine_the_user_name_is_used(own_home: Home, clip: uuid.UUID) -> None:
    assert rising_stars(own_home, "jobs", "cancel", str(clip)).returncode == 0
    assert actors()[0].startswith(f"{getpass.getuser()}@")


def test_read_only_commands_need_no_name(own_home: Home, clip: uuid.UUID) -> None:
    listed = rising_stars(own_home, "jobs", "list", **DEPLOYED)
    assert (listed.returncode, str(clip) in listed.stdout) == (0, True)


@pytest.mark.parametrize("name", ["", "  ", "Marta\nroot", "x" * 121], ids=["empty", "blank", "two lines", "long"])
def test_an_invalid_name_is_refused(own_home: Home, clip: uuid.UUID, name: str) -> None:
    assert rising_stars(own_home, "--actor", name, "jobs", "cancel", str(clip), **DEPLOYED).returncode != 0
    assert actors() == []
