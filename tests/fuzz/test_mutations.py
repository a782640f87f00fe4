"""Mutations are reproducible by seed, and really change the clip."""

from pathlib import Path

from fuzz.boxes import encode_boxes, parse_boxes
from fuzz.mutations import KINDS, box_places, mutate

ROUNDS = 40


def test_a_clip_taken_apart_and_put_together_is_the_same(small_clip: Path) -> None:
    content = small_clip.read_bytes()
    assert encode_boxes(parse_boxes(content)) == content
    assert {content[at + 4 : at + 8] for at in box_places(content)} >= {b"ftyp", b"moov", b"mdat", b"tkhd", b"stco"}


def test_the_same_seed_gives_the_same_bytes(small_clip: Path) -> None:
    content = small_clip.read_bytes()
    for seed in range(3 * len(KINDS)):
        assert mutate(seed, content) == mutate(seed, content)


def test_every_kind_really_changes_the_clip(small_clip: Path) -> None:
    content = small_clip.read_bytes()
    made = [mutate(seed, content) for seed in range(ROUNDS * len(KINDS))]
    for kind in KINDS:
        results = {result for name, result in made if name == kind}
        # Some results equal the original, because the mutation wrote the value that was already there; others equal
        # each other, because a clip has only a few boxes that can be removed.
        assert len(results - {content}) >= min(ROUNDS, 8), kind
