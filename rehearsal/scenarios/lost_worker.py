"""Scenario 5: the worker crashes during a render, and later is terminated. Uploads still succeed; no job is lost."""

from rehearsal.people import Person, clip
from rehearsal.scenarios.upload_to_vote import RENDER_SECONDS
from rehearsal.site import Rehearsal

REPAIR_SECONDS = 600


def play(site: Rehearsal) -> dict[str, object]:
    """Crash and reboot the worker; then terminate it, and run site.yml."""
    player = Person.new(site)
    (worker,) = site.instances("worker")
    rebooted = crash(site, player)
    ended = terminate(site, player)
    (successor,) = site.instances("worker")
    assert successor.id != worker.id
    assert successor.address == worker.address
    return {"all_done_after_reboot_seconds": rebooted, **ended}


def crash(site: Rehearsal, player: Person) -> float:
    """Kill the worker during a render and boot it again; return the seconds until all clips are processed."""
    (worker,) = site.instances("worker")
    first = player.upload(clip(), "Interrupted")
    site.wait(lambda: player.video(first)["status"] == "processing", what="a render", seconds=RENDER_SECONDS)
    site.crash(worker)
    second = player.upload(clip(), "Sent meanwhile")
    assert not player.is_done(first)
    site.boot(worker)
    return site.wait(
        lambda: player.is_done(first) and player.is_done(second), what="both renders", seconds=REPAIR_SECONDS
    )


def terminate(site: Rehearsal, player: Person) -> dict[str, object]:
    """Terminate the worker, which also runs Redis. Run site.yml to create a new one, and wait for all renders."""
    (worker,) = site.instances("worker")
    waiting = player.upload(clip(), "Waiting")
    site.control.client("ec2").terminate_instances(InstanceIds=[worker.id])
    meanwhile = player.upload(clip(), "Sent without a worker")
    run = site.operator.succeed("site")
    done = site.wait(
        lambda: player.is_done(waiting) and player.is_done(meanwhile), what="both renders", seconds=REPAIR_SECONDS
    )
    return {"repair_run_seconds": round(run.seconds), "all_done_after_repair_seconds": done}
