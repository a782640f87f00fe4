"""Scenario 9: the site and its clips are deleted; restore_site.yml restores the same users, votes and clips."""

import time

from rehearsal.operator.whole_site import ENVIRONMENT
from rehearsal.people import Person, clip, expect
from rehearsal.scenarios.destroy import machines
from rehearsal.scenarios.upload_to_vote import RENDER_SECONDS, verify_clip
from rehearsal.site import Rehearsal

VOTERS = 2
END_SECONDS = 300


def play(site: Rehearsal) -> dict[str, object]:
    """Destroy the site, delete its clips, restore both, and check the player's clip and the votes."""
    city = f"Restored {time.time_ns()}"
    player, voters = Person.new(site, city=city), [Person.new(site) for _ in range(VOTERS)]
    video_id = player.upload(clip(), "Before the accident")
    site.wait(lambda: player.is_done(video_id), what="the render", seconds=RENDER_SECONDS)
    assert [voter.vote(video_id).status_code for voter in voters] == [200] * VOTERS
    destroyed = site.operator.succeed("destroy_infrastructure", confirm=ENVIRONMENT)
    site.wait(lambda: machines() == [], what="the end of the last machine", seconds=END_SECONDS)
    deleted = delete_clips(site)
    restored = site.operator.succeed("restore_site")
    player, voters = player.signed_in_again(), [voter.signed_in_again() for voter in voters]
    assert player.video(video_id)["votes"] == VOTERS
    verify_clip(site, str(player.video(video_id)["processed_url"]))
    assert [voter.vote(video_id).status_code for voter in voters] == [400] * VOTERS
    with site.client() as client:
        listed = expect(client.get("/api/public/rankings", params={"city": city}), 200)
    assert [row["votes"] for row in listed] == [VOTERS]
    again = site.operator.run("restore_site")
    assert again.code != 0
    assert "so a restore would not change it" in again.output
    return {
        "destroy_seconds": round(destroyed.seconds),
        "objects_deleted": deleted,
        "restore_seconds": round(restored.seconds),
    }


def delete_clips(site: Rehearsal) -> int:
    """Delete every clip, as an operator might by mistake in the console, and return the number of deleted objects."""
    s3, count = site.control.client("s3"), 0
    for bucket in s3.list_buckets()["Buckets"]:
        for item in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", []):
            if "videos/" in item["Key"] or item["Key"].startswith("posters/"):
                s3.delete_object(Bucket=bucket["Name"], Key=item["Key"])
                count += 1
    return count
