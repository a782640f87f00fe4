"""The harness must find real faults: each test disables one safeguard, and the harness must report the violation."""

import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from faults.breakpoints import Target
from faults.clients import Account, Player
from faults.pace import Pace
from faults.run import Run
from tests.faults.conftest import RunMaker

pytestmark = pytest.mark.slow

BRISK = Pace(lease=2, heartbeat=0.5, upkeep=0.3, redispatch=1, backoff_max=1, render_timeout=15, drain=1)
CATCH_SECONDS = 30.0

PRIMARY_KEY = "SELECT conname FROM pg_constraint WHERE conrelid = 'votes'::regclass AND contype = 'p'"


def a_player(run: Run) -> tuple[Player, Account]:
    player = run.visitor("player")
    account = player.sign_up()
    assert account is not None
    return player, account


def upload(run: Run, player: Player, account: Account, key: str = "clip") -> str:
    event = player.upload(account, run.site.clips.sound[0], key)
    assert event["status"] == 201
    return str(event["body"]["task_id"])


def state_of(run: Run, video: str) -> str:
    return str(run.site.ledger.rows("SELECT state FROM jobs WHERE video_id = %s", video)[0]["state"])


def test_a_fencing_token_that_is_ignored_is_caught(begin_run: RunMaker) -> None:
    run = begin_run(pace=BRISK, sabotage="ignore_the_fencing_token")
    strike, shim = run.site.breakpoints.strike, run.site.shim
    uploading = threading.Thread(target=lambda: upload(run, *a_player(run)))
    uploading.start()
    zombie = strike("encode", lambda target: os.kill(target.pid, signal.SIGSTOP), cost="worker", seconds=CATCH_SECONDS)
    assert zombie is not None
    # Slow the next worker down, so that it is still rendering when the first worker resumes.
    heir = strike("claimed", lambda target: shim.order(target.pid, "slow"), cost="attempt", seconds=CATCH_SECONDS)
    os.kill(zombie.pid, signal.SIGCONT)
    uploading.join()
    assert heir is not None
    verdict = run.judge(sweep=False)
    assert "only the holder of the lease ends a job" in verdict.violations


def test_a_disabled_reaper_is_caught(begin_run: RunMaker) -> None:
    # No render needs to succeed in this test, so a short render timeout is enough.
    run = begin_run(pace=replace(BRISK, render_timeout=3), sabotage="switch_the_reaper_off")
    killed: list[Target | None] = []
    hunting = threading.Thread(
        target=lambda: killed.append(
            run.site.breakpoints.strike(
                "encode", lambda target: os.kill(target.pid, signal.SIGKILL), cost="worker", seconds=CATCH_SECONDS
            )
        )
    )
    hunting.start()
    video = upload(run, *a_player(run))
    hunting.join()
    assert killed[0] is not None
    verdict = run.judge(sweep=False)
    assert {violation.subject for violation in verdict.violations["no running job has an expired lease"]} == {video}
    assert "every accepted upload has ended" in verdict.violations
    assert "the site recovers within the bound" in verdict.violations


def test_a_doorbell_that_rings_before_the_commit_is_caught(begin_run: RunMaker) -> None:
    run = begin_run(pace=BRISK, sabotage="ring_before_the_commit")
    upload(run, *a_player(run))
    assert "a doorbell rings only for a committed job" in run.judge(sweep=False).violations


def a_processed_clip(run: Run) -> tuple[Player, Account, str]:
    player, account = a_player(run)
    video = upload(run, player, account)
    assert run.site.until(lambda: state_of(run, video) == "succeeded", CATCH_SECONDS)
    return player, account, video


def test_votes_without_their_unique_constraint_are_caught(begin_run: RunMaker) -> None:
    run = begin_run(pace=BRISK)
    (name,) = (row["conname"] for row in run.site.ledger.rows(PRIMARY_KEY))
    run.site.ledger.rows(f'ALTER TABLE votes DROP CONSTRAINT "{name}"')
    player, in_turn, video = a_processed_clip(run)
    for _ in range(2):
        player.vote(in_turn, video)
    at_once = player.sign_up()
    assert at_once is not None
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(player.vote, [at_once] * 2, [video] * 2))
    violations = run.judge(sweep=False).violations
    assert len(violations["an account votes once for a video"]) == 2
    texts = [violation.text for violation in violations["votes match the responses"]]
    assert all(any(account.id in text for text in texts) for account in (in_turn, at_once))


def test_a_lost_vote_is_caught(begin_run: RunMaker) -> None:
    run = begin_run(pace=BRISK, sabotage="forget_the_vote")
    player, account, video = a_processed_clip(run)
    assert player.vote(account, video)["status"] == 200
    assert "votes match the responses" in run.judge(sweep=False).violations
