"""Invariants that must hold after any faults. Each function is named after its invariant and yields the violations."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

from faults.evidence import Evidence, Violation
from faults.votes import contradictions, final_states

Invariant = Callable[[Evidence], Iterator[Violation]]

TERMINAL = {"succeeded", "failed", "cancelled"}
NO_JOB = {"state": "missing", "error_code": None, "rescues": 0}
NO_VIDEO = {"deleted_at": None}
ACCEPTED_SECONDS = 1.0
"""An API counts as having accepted a request that was sent at least this long before the API received SIGTERM."""

RESULT_KEY = re.compile(r"processed-videos/(?P<video>[^/]+)/(?P<token>[^/.]+)\.mp4")


def every_accepted_upload_has_ended(evidence: Evidence) -> Iterator[Violation]:
    for video in evidence.accepted:
        job = evidence.jobs.get(video)
        if job is None or job["state"] not in TERMINAL:
            yield Violation(video, f"was answered 201, but its job is {job['state'] if job else 'missing'}")


def every_sound_clip_is_processed_unless_its_owner_deleted_it(evidence: Evidence) -> Iterator[Violation]:
    for video, row in evidence.videos.items():
        if video in evidence.poison or row["deleted_at"] is not None or row["status"] == "processed":
            continue
        job = evidence.jobs.get(video, {})
        why = f"job {job.get('state')}, {job.get('error_code')}: {str(job.get('error_detail'))[:300]}"
        yield Violation(video, f"is {row['status']} ({why})")


def a_poison_clip_is_given_up_with_a_reason(evidence: Evidence) -> Iterator[Violation]:
    reasons = {"worker": "poison", "ffmpeg": "render_killed"}
    for video, kills in evidence.poison.items():
        job, row = evidence.jobs.get(video, NO_JOB), evidence.videos[video]
        if (job["state"], job["error_code"], row["failure_code"]) != ("failed", reasons[kills], reasons[kills]):
            yield Violation(video, f"kills its {kills}; job {job['state']} {job['error_code']}, {row['failure_code']}")
        if job["rescues"] > evidence.max_rescues:
            yield Violation(video, f"was rescued {job['rescues']} times")


def no_running_job_has_an_expired_lease(evidence: Evidence) -> Iterator[Violation]:
    for video, job in evidence.jobs.items():
        if job["state"] == "running" and job["lease_expires_at"] < evidence.now:
            yield Violation(video, f"has been held by {job['lease_owner']} beyond its lease")


def job_and_video_agree(evidence: Evidence) -> Iterator[Violation]:
    for video, row in evidence.videos.items():
        job = evidence.jobs.get(video)
        if job is None:
            yield Violation(video, "has no job")
        elif (row["status"] == "processed") != (job["state"] == "succeeded"):
            yield Violation(video, f"is {row['status']} and its job {job['state']}")
        elif row["processed_key"] != job["output_key"]:
            yield Violation(video, f"refers to {row['processed_key']}, but its job's result is {job['output_key']}")


def a_video_keeps_its_only_result(evidence: Evidence) -> Iterator[Violation]:
    results = defaultdict(set)
    for row in evidence.seen_videos:
        if row["processed_key"]:
            results[row["video"]].add(row["processed_key"])
    for video, keys in results.items():
        if len(keys) > 1:
            yield Violation(video, f"referred to {sorted(keys)}")


def only_the_holder_of_the_lease_ends_a_job(evidence: Evidence) -> Iterator[Violation]:
    for row in evidence.seen_jobs:
        committed = RESULT_KEY.fullmatch(row["output_key"] or "")
        if row["state"] == "succeeded" and (committed is None or committed["token"] != str(row["held_token"])):
            yield Violation(row["video"], f"lease {row['held_token']} was held, but {row['output_key']} was committed")


def a_job_that_ended_stays_ended(evidence: Evidence) -> Iterator[Violation]:
    for row in evidence.seen_jobs:
        if row["was"] in TERMINAL:
            yield Violation(row["video"], f"went from {row['was']} to {row['state']}")


def vote_counts_match_the_rows(evidence: Evidence) -> Iterator[Violation]:
    rows = Counter[str]()
    for (_, video), count in evidence.ballots.items():
        rows[video] += count
    for video, row in evidence.videos.items():
        if row["votes"] != rows[video]:
            yield Violation(video, f"counts {row['votes']} votes, but has {rows[video]} rows")


def an_account_votes_once_for_a_video(evidence: Evidence) -> Iterator[Violation]:
    for (user, video), count in evidence.ballots.items():
        if count > 1:
            yield Violation(video, f"has {count} votes of account {user}")


def votes_match_the_responses(evidence: Evidence) -> Iterator[Violation]:
    events = evidence.history.events()
    for (user, video), text in contradictions(events):
        yield Violation(video, f"account {user}: {text}")
    for (user, video), possible in final_states(events).items():
        if (evidence.ballots[user, video] > 0) not in possible:
            yield Violation(
                video, f"account {user} may have voted: {set(possible)}, but has {evidence.ballots[user, video]} rows"
            )


def a_deleted_clip_stays_deleted(evidence: Evidence) -> Iterator[Violation]:
    for video in evidence.deleted_at:
        if evidence.videos.get(video, NO_VIDEO)["deleted_at"] is None:
            yield Violation(video, "was deleted, but its row is not marked so")
    for row in evidence.seen_videos:
        if row["was_deleted"] and not row["deleted"]:
            yield Violation(row["video"], "was restored")
    for saw in evidence.history.events("saw"):
        for video in evidence.deleted_at.keys() & set(saw["ids"]):
            if saw["began"] > evidence.deleted_at[video]:
                yield Violation(video, f"was seen by {saw['who']} at {saw['mono']}, after its deletion was answered")


def nothing_answered_2xx_is_missing(evidence: Evidence) -> Iterator[Violation]:
    for event in evidence.requests:
        if event["op"] == "signup" and event["status"] == 201 and event["email"] not in evidence.emails:
            yield Violation(event["email"], "signed up, but has no account")
    for video in evidence.accepted:
        row = evidence.videos.get(video)
        if row is None:
            yield Violation(video, "was answered 201, but has no row")
        elif row["deleted_at"] is None and row["original_key"] not in evidence.sizes:
            yield Violation(video, f"has lost its original, {row['original_key']}")
    yield from _vanished(evidence)


def _vanished(evidence: Evidence) -> Iterator[Violation]:
    """Yield each clip that is missing from its owner's list, if the list was requested after the upload's 201."""
    owners = {event["key"]: event["user"] for event in evidence.requests if event["op"] == "upload"}
    for saw in evidence.history.events("saw"):
        for video, event in evidence.accepted.items():
            mine = saw["user"] is not None and owners[event["key"]] == saw["user"]
            missing = mine and saw["began"] > event["mono"] and video not in saw["ids"]
            if missing and not evidence.may_be_deleted(video, saw["mono"]):
                yield Violation(video, f"was not in its owner's list at {saw['mono']}")


def one_idempotency_key_makes_one_video(evidence: Evidence) -> Iterator[Violation]:
    accepted = defaultdict(set)
    for event in evidence.history.events("accepted"):
        accepted[event["key"]].add(event["video"])
    for key, videos in accepted.items():
        if len(videos) > 1:
            yield Violation(key, f"was answered with {sorted(videos)}")
    for key, rows in evidence.by_title.items():
        if len(rows) > 1:
            yield Violation(key, f"created {[row['id'] for row in rows]}")


def every_processed_clip_is_complete(evidence: Evidence) -> Iterator[Violation]:
    for video, row in evidence.videos.items():
        if row["status"] != "processed" or row["deleted_at"] is not None:
            continue
        for key in (row["processed_key"], row["poster_key"]):
            if key not in evidence.sizes:
                yield Violation(video, f"refers to {key}, which is not in the store")
        if row["processed_key"] in evidence.damaged:
            yield Violation(video, evidence.damaged[row["processed_key"]])


def a_doorbell_rings_only_for_a_committed_job(evidence: Evidence) -> Iterator[Violation]:
    for event in evidence.history.events("early_ring"):
        yield Violation(event["api"], f"rang {event['rings']} times when there were {event['jobs']} jobs")


def a_failing_dependency_gives_503_with_retry_after(evidence: Evidence) -> Iterator[Violation]:
    for event in evidence.requests:
        passing = event["status"] == 503 and event["retry_after"]
        if event["status"] is not None and event["status"] >= 500 and not passing:
            yield Violation(
                event["op"], f"{event['api']} answered {event['status']} at {event['mono']}: {event['detail']}"
            )


def a_stopping_api_answers_what_it_accepted(evidence: Evidence) -> Iterator[Violation]:
    kills = [e for e in evidence.history.events("signal") if e["signal"] == "SIGKILL"]
    for stop in evidence.history.events("sigterm"):
        killed = any(kill["process"] == stop["process"] and abs(kill["mono"] - stop["mono"]) < 30 for kill in kills)
        for event in evidence.requests:
            under_way = event["began"] < stop["mono"] - ACCEPTED_SECONDS and event["mono"] > stop["mono"]
            lost = event["api"] == stop["process"] and event["status"] is None and "Timeout" not in event["error"]
            if under_way and lost and not killed:
                yield Violation(
                    event["op"], f"begun at {event['began']}, {stop['process']} was stopped: {event['error']}"
                )


def a_stopping_worker_ends_in_time(evidence: Evidence) -> Iterator[Violation]:
    for event in evidence.history.events("overdue"):
        yield Violation(event["process"], f"had not ended {event['seconds']:g} s after SIGTERM")


def an_unhealthy_worker_reports_its_problem(evidence: Evidence) -> Iterator[Violation]:
    for event in evidence.history.events("problem_not_reported"):
        yield Violation(event["process"], f"had not reported its wrong clock by {event['mono']}")


def the_doctor_finds_no_problem(evidence: Evidence) -> Iterator[Violation]:
    for claim in evidence.doctors_findings:
        yield Violation("doctor", f"finds a problem: not true that {claim}")


def nothing_is_left_over(evidence: Evidence) -> Iterator[Violation]:
    yield from evidence.leftovers


def the_site_recovers_within_the_bound(evidence: Evidence) -> Iterator[Violation]:
    for event in evidence.history.events("not_recovered"):
        yield Violation(
            "bound", f"{event['unfinished']} jobs were unfinished {event['seconds']:.1f} s after the clients stopped"
        )


INVARIANTS: tuple[Invariant, ...] = (
    every_accepted_upload_has_ended,
    every_sound_clip_is_processed_unless_its_owner_deleted_it,
    a_poison_clip_is_given_up_with_a_reason,
    no_running_job_has_an_expired_lease,
    job_and_video_agree,
    a_video_keeps_its_only_result,
    only_the_holder_of_the_lease_ends_a_job,
    a_job_that_ended_stays_ended,
    vote_counts_match_the_rows,
    an_account_votes_once_for_a_video,
    votes_match_the_responses,
    a_deleted_clip_stays_deleted,
    nothing_answered_2xx_is_missing,
    one_idempotency_key_makes_one_video,
    every_processed_clip_is_complete,
    a_doorbell_rings_only_for_a_committed_job,
    a_failing_dependency_gives_503_with_retry_after,
    a_stopping_api_answers_what_it_accepted,
    a_stopping_worker_ends_in_time,
    an_unhealthy_worker_reports_its_problem,
    the_doctor_finds_no_problem,
    nothing_is_left_over,
    the_site_recovers_within_the_bound,
)


def check(evidence: Evidence) -> dict[str, list[Violation]]:
    """Return the violations of each broken invariant, keyed by the invariant's name in words."""
    found = {invariant.__name__.replace("_", " "): list(invariant(evidence)) for invariant in INVARIANTS}
    return {claim: violations for claim, violations in found.items() if violations}
