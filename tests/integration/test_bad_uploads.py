"""Every kind of bad upload: the API explains the refusal, and no data of the upload remains."""

import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from app.config import MAX_CLIP_BYTES
from fuzz.boxes import Box, encode_boxes, parse_boxes
from testing.answers import refusal, shape_refusal
from testing.clips import cut_short, make_clip, make_jpeg, make_sound_alone, pad_to_size, remove_moov
from testing.people import Player
from testing.sites import Site

pytestmark = pytest.mark.either_backend

UPLOAD = "/api/videos/upload"
INVALID_TYPE = "Tipo de archivo inválido"
BOUNDARY = b"bxxxxxxxxxxxxxxxxxxb"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY.decode()}"


@contextmanager
def nothing_left_behind(site: Site, player: Player) -> Iterator[None]:
    """Assert that the block leaves no temporary file, object, unfinished multipart upload or row."""
    objects, rows = site.bucket.stored_keys(), site.video_count(player)
    yield
    assert list(site.work_dir.iterdir()) == []
    assert list(site.temporary_dir.iterdir()) == []
    assert site.bucket.stored_keys() == objects
    assert site.bucket.unfinished_uploads() == []
    assert site.video_count(player) == rows


# Files that are not clips


def plain(path: Path, *, width: int = 1920, height: int = 1080, seconds: float = 20, fps: int | str = 1) -> Path:
    """Make a clip of one colour (a few kilobytes), without chroma subsampling, so that its dimensions may be odd."""
    return make_clip(
        path,
        width=width,
        height=height,
        seconds=seconds,
        fps=fps,
        picture="color=c=orange",
        pix_fmt="yuv444p",
        audio=None,
    )


def rich(path: Path, *, container: str = "mp4", faststart: bool = False) -> Path:
    """Make a clip with enough content to be truncated in the middle."""
    return make_clip(path, fps=1, container=container, faststart=faststart)


HLS = """#EXTM3U
#EXT-X-TARGETDURATION:30
#EXTINF:30,
{victim}
#EXT-X-ENDLIST
"""
DASH = """<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:full:2011"
 type="static" mediaPresentationDuration="PT30S">
<Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1" width="1920" height="1080">
<BaseURL>{victim}</BaseURL></Representation></AdaptationSet></Period></MPD>
"""
FFCONCAT = "ffconcat version 1.0\nfile {victim}\nduration 30\n"


def pointing_at_another_players_file(text: str, scheme: str = "") -> Callable[[Path], None]:
    """Return a function that writes a playlist whose only item is another player's clip on the same machine."""

    def write(path: Path) -> None:
        victim = path.with_name("victim.mp4")
        if not victim.exists():
            plain(victim, seconds=30)
        path.write_text(text.format(victim=f"{scheme}{victim}"))

    return write


NO_CLIPS: dict[str, Callable[[Path], object]] = {
    "empty": Path.touch,
    "text": lambda path: path.write_text("I am a video, honestly.\n" * 1000),
    "JPEG": make_jpeg,
    "PDF": lambda path: path.write_bytes(b"%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n"),
    "HTML": lambda path: path.write_text("<html><script>alert(1)</script></html>"),
    "zeros": lambda path: path.write_bytes(bytes(100_000)),
    "the first box alone": lambda path: path.write_bytes(b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom"),
    "MOV": lambda path: rich(path, container="mov"),
    "Matroska": lambda path: rich(path, container="matroska"),
    "MP4 without moov": lambda path: remove_moov(rich(path)),
    "MP4 without a video track": lambda path: make_sound_alone(path, seconds=30),
    "MP4 cut in half, index in front": lambda path: cut_short(rich(path, faststart=True)),
    "MP4 cut in half, index behind": lambda path: cut_short(rich(path)),
    "MP4 cut at its end, index in front": lambda path: cut_short(rich(path, faststart=True), 0.99),
    "HLS": pointing_at_another_players_file(HLS),
    "HLS with file:": pointing_at_another_players_file(HLS, "file:"),
    "DASH": pointing_at_another_players_file(DASH, "file:"),
    "ffconcat": pointing_at_another_players_file(FFCONCAT),
}


def many_entries_for_one_picture(path: Path, *, side: int, pictures: int, ticks: int) -> None:
    """Write a clip whose index lists one frame `pictures` times, `ticks` of a 90 kHz clock apart."""
    grey = make_clip(
        path.with_name("one.mp4"), width=side, height=side, seconds=1, fps=1, picture="color=c=gray", audio=None
    )
    boxes = parse_boxes(grey.read_bytes())
    every = {box.kind: box for top in boxes for box in top.walk()}
    bytes_of_picture, place = int.from_bytes(every[b"stsz"].body[4:8], "big"), every[b"stco"].body[8:12]
    every[b"stbl"].children = [
        every[b"stsd"],
        Box(b"stts", numbers(0, 1, pictures, ticks)),
        Box(b"stsc", numbers(0, 1, 1, 1, 1)),
        Box(b"stsz", numbers(0, bytes_of_picture, pictures)),
        Box(b"stco", numbers(0, pictures) + place * pictures),
    ]
    every[b"trak"].children = [child for child in every[b"trak"].children if child.kind != b"edts"]
    for kind, at in ((b"mvhd", 12), (b"mdhd", 12)):
        every[kind].body = every[kind].body[:at] + numbers(90_000, pictures * ticks) + every[kind].body[at + 8 :]
    tkhd = every[b"tkhd"]
    tkhd.body = tkhd.body[:20] + numbers(pictures * ticks) + tkhd.body[24:]
    path.write_bytes(encode_boxes(boxes))


def numbers(*values: int) -> bytes:
    return b"".join(value.to_bytes(4, "big") for value in values)


OUT_OF_BOUNDS: dict[str, tuple[Callable[[Path], object], str]] = {
    "19.9 s": (lambda path: plain(path, fps=10, seconds=19.9), "duración"),
    "60.1 s": (lambda path: plain(path, fps=10, seconds=60.1), "duración"),
    "1919 wide": (lambda path: plain(path, width=1919, height=1080), "resolución"),
    "1079 high": (lambda path: plain(path, width=1920, height=1079), "resolución"),
    "portrait, 1079 wide": (lambda path: plain(path, width=1079, height=1920), "resolución"),
    "square": (lambda path: plain(path, width=1080, height=1080), "resolución"),
    "8193 wide": (lambda path: plain(path, width=8193, height=1080), "resolución"),
    "8193 high": (lambda path: plain(path, width=1080, height=8193), "resolución"),
    "16384 wide": (lambda path: plain(path, width=16384, height=1080), "resolución"),
    "1000 pictures a second": (
        lambda path: many_entries_for_one_picture(path, side=1920, pictures=30_000, ticks=90),
        INVALID_TYPE,
    ),
    "2000 pictures of 8192 x 8192": (
        lambda path: many_entries_for_one_picture(path, side=8192, pictures=2_000, ticks=1_350),
        INVALID_TYPE,
    ),
}

JUST_WITHIN: dict[str, Callable[[Path], object]] = {
    "20.0 s": lambda path: plain(path, fps=10, seconds=20),
    "20 s at 29.97, cut to 599 pictures": lambda path: plain(path, fps="30000/1001", seconds=19.98),
    "19.95 s": lambda path: plain(path, fps=20, seconds=19.95),
    "1,800 pictures at 29.97": lambda path: plain(path, fps="1000/1001", seconds=60.06),
    "240 pictures a second": lambda path: many_entries_for_one_picture(path, side=1920, pictures=7_200, ticks=375),
    "1800 pictures of 8192 x 8192": lambda path: many_entries_for_one_picture(
        path, side=8192, pictures=1_800, ticks=1_500
    ),
    "60.0 s": lambda path: plain(path, fps=1, seconds=60),
    "portrait": lambda path: plain(path, width=1080, height=1920),
    "8192 wide": lambda path: plain(path, width=8192, height=1080),
}


MakeOnce = Callable[[str, Callable[[Path], object]], Path]


@pytest.fixture(scope="session")
def make_once(tmp_path_factory: pytest.TempPathFactory) -> MakeOnce:
    """Creates each file once for all backends."""
    folder = tmp_path_factory.mktemp("bad-clips")

    def make(name: str, write: Callable[[Path], object]) -> Path:
        path = folder / f"{name}.mp4".replace(":", "")
        if not path.exists():
            write(path)
        return path

    return make


@pytest.fixture
def player(site: Site) -> Player:
    return site.sign_up()


@pytest.mark.parametrize("name", NO_CLIPS)
def test_a_file_that_is_not_a_clip_is_refused(site: Site, player: Player, make_once: MakeOnce, name: str) -> None:
    clip = make_once(name, NO_CLIPS[name])
    with nothing_left_behind(site, player):
        assert refusal(player.upload(clip), 400).startswith(INVALID_TYPE)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("text", "MP4 completo y reproducible"),
        ("MOV", "MOV de QuickTime"),
        ("MP4 without a video track", "no contiene imágenes"),
        ("MP4 cut in half, index in front", "le falta una parte"),
        ("MP4 without moov", "le falta una parte"),
    ],
)
def test_the_refusal_says_what_is_wrong_with_the_file(
    player: Player, make_once: MakeOnce, name: str, words: str
) -> None:
    assert words in refusal(player.upload(make_once(name, NO_CLIPS[name])), 400)


@pytest.mark.parametrize("name", OUT_OF_BOUNDS)
def test_the_refusal_of_a_clip_out_of_bounds_names_the_bound(
    site: Site, player: Player, make_once: MakeOnce, name: str
) -> None:
    write, bound = OUT_OF_BOUNDS[name]
    clip = make_once(name, write)
    with nothing_left_behind(site, player):
        assert bound in refusal(player.upload(clip), 400)


@pytest.mark.parametrize("name", JUST_WITHIN)
def test_a_clip_at_the_bound_is_accepted(player: Player, make_once: MakeOnce, name: str) -> None:
    assert player.upload(make_once(name, JUST_WITHIN[name])).status_code == 201


@pytest.mark.parametrize("kind", ["image/jpeg", "text/html", "application/octet-stream", ""])
def test_the_declared_content_type_does_not_affect_the_check(
    player: Player, small_clip: Path, make_once: MakeOnce, kind: str
) -> None:
    for clip, status in ((small_clip, 201), (make_once("JPEG", make_jpeg), 400)):
        with clip.open("rb") as video:
            files = {"video_file": ("clip.mp4", video, kind)}
            assert player.request("POST", UPLOAD, data={"title": "Clip"}, files=files).status_code == status


# Size


@pytest.fixture(scope="session")
def largest_clip(small_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = Path(shutil.copy(small_clip, tmp_path_factory.mktemp("largest") / "largest.mp4"))
    return pad_to_size(copy, MAX_CLIP_BYTES)


@pytest.fixture(scope="session")
def too_large_clip(small_clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = Path(shutil.copy(small_clip, tmp_path_factory.mktemp("too-large") / "too-large.mp4"))
    return pad_to_size(copy, MAX_CLIP_BYTES + 1)


def in_chunks(player: Player, clip: Path) -> httpx.Response:
    """Upload in chunks, without a Content-Length."""

    def body() -> Iterator[bytes]:
        yield head_of(("title", None)) + b"Clip\r\n" + head_of(("video_file", "clip.mp4"))
        with clip.open("rb") as video:
            while chunk := video.read(1 << 20):
                yield chunk
        yield b"\r\n--" + BOUNDARY + b"--\r\n"

    return player.request("POST", UPLOAD, content=body(), headers={"Content-Type": MULTIPART})


def head_of(part: tuple[str, str | None]) -> bytes:
    name, filename = part
    file = f'; filename="{filename}"\r\nContent-Type: video/mp4' if filename is not None else ""
    return b"--" + BOUNDARY + f'\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode()


SENDERS = pytest.mark.parametrize("send", [Player.upload, in_chunks], ids=["by Content-Length", "chunked"])


@SENDERS
def test_a_clip_of_exactly_100_mib_is_accepted(
    site: Site, player: Player, largest_clip: Path, send: Callable[[Player, Path], httpx.Response]
) -> None:
    assert largest_clip.stat().st_size == 104_857_600
    answer = send(player, largest_clip)
    assert answer.status_code == 201, answer.text
    with site.bucket.client() as client:
        key = f"unprocessed-videos/{answer.json()['task_id']}.mp4"
        assert client.head_object(Bucket=site.bucket.name, Key=key)["ContentLength"] == 104_857_600
    assert list(site.work_dir.iterdir()) == []


@SENDERS
def test_one_byte_more_is_refused(
    site: Site, player: Player, too_large_clip: Path, send: Callable[[Player, Path], httpx.Response]
) -> None:
    assert too_large_clip.stat().st_size == 104_857_601
    with nothing_left_behind(site, player):
        assert "104857600" in refusal(send(player, too_large_clip), 400).replace(",", "").replace(".", "")


def test_a_huge_content_length_is_refused_in_json_before_the_body_arrives(site: Site, player: Player) -> None:
    with nothing_left_behind(site, player), closing(begin_upload(site, player, length=10**12)) as connection:
        status, body = read_answer(connection)
        assert status in {400, 413}
        assert b'"detail"' in body


# Broken bodies


def form(*parts: tuple[str, str | None, bytes], end: bytes = b"--\r\n") -> bytes:
    """Return a multipart body of parts, each with a name, a file name and content."""
    written = b"".join(head_of((name, filename)) + content + b"\r\n" for name, filename, content in parts)
    return written + b"--" + BOUNDARY + end


TITLE = ("title", None, b"Clip")


def post(player: Player, body: bytes, kind: str = MULTIPART) -> httpx.Response:
    return player.request("POST", UPLOAD, content=body, headers={"Content-Type": kind})


@pytest.mark.parametrize("names", [("video_file", "video_file"), ("file", "file"), ("video_file", "file")])
def test_two_files_are_refused(site: Site, player: Player, small_clip: Path, names: tuple[str, str]) -> None:
    files = [(name, "clip.mp4", small_clip.read_bytes()) for name in names]
    with nothing_left_behind(site, player):
        assert isinstance(refusal(post(player, form(TITLE, *files)), 400), str)


BROKEN: dict[str, tuple[str, bytes]] = {
    "no boundary in the header": ("multipart/form-data", form(TITLE, ("video_file", "clip.mp4", b"x"))),
    "an empty boundary": ("multipart/form-data; boundary=", form(TITLE)),
    "another boundary in the body": ("multipart/form-data; boundary=other", form(TITLE)),
    "no last boundary": (MULTIPART, form(TITLE, ("video_file", "clip.mp4", b"x" * 1000))[:-500]),
    "ends inside a header": (MULTIPART, b"--" + BOUNDARY + b"\r\nContent-Disposition: form-da"),
    "a header without a colon": (MULTIPART, b"--" + BOUNDARY + b"\r\nrubbish\r\n\r\nx\r\n--" + BOUNDARY + b"--\r\n"),
    "an endless header": (MULTIPART, b"--" + BOUNDARY + b"\r\nX-Long: " + b"x" * 100_000 + b"\r\n\r\nx"),
    "ten thousand parts": (MULTIPART, form(*[("x", None, b"x")] * 10_000)),
    "rubbish": (MULTIPART, b"\xff\xfe\x00rubbish" * 100),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_form_is_refused(site: Site, player: Player, name: str) -> None:
    kind, body = BROKEN[name]
    with nothing_left_behind(site, player):
        assert isinstance(refusal(post(player, body, kind), 400), str)


def test_no_body_at_all_is_refused(site: Site, player: Player) -> None:
    with nothing_left_behind(site, player):
        answer = player.request("POST", UPLOAD)
        assert answer.status_code in {400, 422}
        assert refusal(answer, answer.status_code)


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", "text/plain", "", "rubbish"])
def test_a_body_that_is_not_a_form_is_refused_with_a_list(site: Site, player: Player, kind: str) -> None:
    with nothing_left_behind(site, player):
        assert isinstance(refusal(post(player, b'{"title": "Clip"}', kind), 422), list)


def begin_upload(site: Site, player: Player, *, length: int) -> socket.socket:
    """Send the headers of an upload whose Content-Length is `length`."""
    connection = socket.create_connection(("127.0.0.1", site.port), timeout=20)
    head = (
        f"POST {UPLOAD} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {player.access_token}\r\n"
        f"Content-Type: {MULTIPART}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    )
    connection.sendall(head.encode())
    return connection


def read_answer(connection: socket.socket) -> tuple[int, bytes]:
    with closing(connection.makefile("rb")) as answer:
        status = int(answer.readline().split()[1])
        return status, answer.read()


@pytest.mark.parametrize("sent", [0.0, 0.5, 0.99])
def test_a_body_that_is_cut_off_leaves_nothing(site: Site, player: Player, too_large_clip: Path, sent: float) -> None:
    body = form(TITLE, ("video_file", "clip.mp4", too_large_clip.read_bytes()[:8_000_000]))
    with nothing_left_behind(site, player), closing(begin_upload(site, player, length=len(body))) as connection:
        connection.sendall(body[: int(len(body) * sent)])
        connection.shutdown(socket.SHUT_WR)
        # Wait until the server detects the end of the input and closes the connection.
        while connection.recv(4096):
            pass


def test_a_chunked_body_that_is_cut_off_leaves_nothing(site: Site, player: Player) -> None:
    head = f"POST {UPLOAD} HTTP/1.1\r\nHost: x\r\nContent-Type: {MULTIPART}\r\nTransfer-Encoding: chunked\r\n"
    with (
        nothing_left_behind(site, player),
        socket.create_connection(("127.0.0.1", site.port), timeout=20) as connection,
    ):
        connection.sendall(
            f"{head}Authorization: Bearer {player.access_token}\r\n\r\n100000\r\n".encode() + b"x" * 5_000
        )
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass


# Fields


def test_a_missing_title_is_named(site: Site, player: Player, small_clip: Path) -> None:
    with nothing_left_behind(site, player):
        body = form(("video_file", "clip.mp4", small_clip.read_bytes()))
        assert shape_refusal(post(player, body), "title")


def test_a_missing_file_is_named(site: Site, player: Player) -> None:
    with nothing_left_behind(site, player):
        assert shape_refusal(post(player, form(TITLE)), "video_file")


FILE_NAMES = {
    "as RFC 5987 has it": "; filename*=UTF-8''triple%20de%20%C3%B1and%C3%BA.mp4",
    "in capitals": "; FILENAME*=utf-8'es'clip.mp4",
    "in pieces": "; filename*0*=UTF-8''cl; filename*1=ip.mp4",
    "twice": "; filename=\"clip.mp4\"; filename*=UTF-8''clip.mp4",
    "unquoted": "; filename=clip.mp4",
}


def named_form(names: str, clip: bytes, *, field: str = "video_file") -> bytes:
    """Return a form whose file part has these parameters in its Content-Disposition."""
    head = b"--" + BOUNDARY + f'\r\nContent-Disposition: form-data; name="{field}"{names}\r\n\r\n'.encode()
    return head_of(("title", None)) + b"Clip\r\n" + head + clip + b"\r\n--" + BOUNDARY + b"--\r\n"


@pytest.mark.parametrize("names", FILE_NAMES)
def test_a_part_with_a_file_name_of_any_kind_is_a_file(player: Player, small_clip: Path, names: str) -> None:
    body = named_form(FILE_NAMES[names], small_clip.read_bytes())
    assert post(player, body).status_code == 201


def test_a_second_file_named_as_in_rfc_5987_is_refused(site: Site, player: Player, small_clip: Path) -> None:
    clip = small_clip.read_bytes()
    first = named_form(FILE_NAMES["as RFC 5987 has it"], clip).removesuffix(b"--" + BOUNDARY + b"--\r\n")
    with nothing_left_behind(site, player):
        assert "exactly one" in refusal(post(player, first + form(("file", "clip.mp4", clip))), 400)


def test_a_parameter_that_only_resembles_a_file_name_makes_no_file(site: Site, player: Player) -> None:
    with nothing_left_behind(site, player):
        body = named_form("", b"text", field="video_file; filename*=UTF-8''clip.mp4")
        assert shape_refusal(post(player, body), "video_file")


def test_a_text_field_instead_of_the_file_is_refused(site: Site, player: Player) -> None:
    with nothing_left_behind(site, player):
        assert shape_refusal(post(player, form(TITLE, ("video_file", None, b"text"))), "video_file")


def test_an_empty_title_is_refused_by_name(site: Site, player: Player, small_clip: Path) -> None:
    with nothing_left_behind(site, player):
        assert shape_refusal(player.upload(small_clip, title=""), "title")


@pytest.mark.parametrize("title", [" ", "\t\n ", "\u3000", "\u00a0"], ids=ascii)
def test_a_blank_title_is_refused(site: Site, player: Player, small_clip: Path, title: str) -> None:
    with nothing_left_behind(site, player):
        assert refusal(player.upload(small_clip, title=title), 400) == "El título del video no puede estar vacío"


@pytest.mark.parametrize("title", ["\u200b", "\ufeff \u200d", "\u3164", "\u2800", "\u200e\u200f\u2060"], ids=ascii)
def test_a_title_of_invisible_characters_is_blank(site: Site, player: Player, small_clip: Path, title: str) -> None:
    with nothing_left_behind(site, player):
        assert refusal(player.upload(small_clip, title=title), 400) == "El título del video no puede estar vacío"


@pytest.mark.parametrize("control", ["\u202e", "\u202a", "\u2066", "\u2069"], ids=ascii)
def test_a_title_that_changes_the_direction_of_text_is_refused(
    site: Site, player: Player, small_clip: Path, control: str
) -> None:
    with nothing_left_behind(site, player):
        assert "dirección" in refusal(player.upload(small_clip, title=f"Triple {control}oeupmac"), 400)


@pytest.mark.parametrize("title", ["x" * 201, "🏀" * 201, "x" * 1_000_000], ids=["201", "201 emoji", "a megabyte"])
def test_a_title_over_200_characters_is_refused(site: Site, player: Player, small_clip: Path, title: str) -> None:
    with nothing_left_behind(site, player):
        assert "200" in refusal(player.upload(small_clip, title=title), 400)


@pytest.mark.parametrize("title", [b"a\x00b", b"\xff\xfe", b"\xed\xa0\x80", b"a\x1b[31m"], ids=repr)
def test_a_title_that_is_not_valid_text_is_refused(site: Site, player: Player, small_clip: Path, title: bytes) -> None:
    body = form(("title", None, title), ("video_file", "clip.mp4", small_clip.read_bytes()))
    with nothing_left_behind(site, player):
        answer = post(player, body)
        assert answer.status_code in {400, 422}
        assert refusal(answer, answer.status_code)


def test_two_titles_are_refused(site: Site, player: Player, small_clip: Path) -> None:
    body = form(TITLE, TITLE, ("video_file", "clip.mp4", small_clip.read_bytes()))
    with nothing_left_behind(site, player):
        answer = post(player, body)
        assert answer.status_code in {400, 422}
        assert refusal(answer, answer.status_code)


# The order of refusals


def test_authentication_is_checked_before_the_form(site: Site, player: Player) -> None:
    bad = form(("title", None, b""))
    with nothing_left_behind(site, player):
        for headers in ({}, {"Authorization": 'Bearer "x"'}, {"Authorization": f"Bearer {site.token(player, exp=1)}"}):
            answer = site.api.post(UPLOAD, content=bad, headers={"Content-Type": MULTIPART, **headers})
            assert refusal(answer, 401) == "Could not validate credentials"


def test_missing_fields_are_reported_before_the_file_is_checked(site: Site, player: Player) -> None:
    with nothing_left_behind(site, player):
        assert shape_refusal(post(player, form(("video_file", "clip.mp4", b"no clip"))), "title")


def test_a_connection_is_usable_after_a_refused_upload(player: Player, small_clip: Path) -> None:
    assert refusal(post(player, form(TITLE)), 422)
    assert player.upload(small_clip).status_code == 201
