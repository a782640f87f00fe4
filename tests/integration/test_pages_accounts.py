"""Signing up, in and out in a browser, voting, and requests that other sites cause."""

import re
from collections.abc import Iterator

import pytest

from testing.browsing import Visitor, visiting
from testing.homes import unique
from testing.people import Player, sign_up_form
from testing.sites import Site, SiteMaker


@pytest.fixture
def visitor(site: Site) -> Iterator[Visitor]:
    with visiting(site) as visitor:
        yield visitor


def sign_in(visitor: Visitor, player: Player, after: str = "/") -> None:
    answer = visitor.post("/signin", {"email": player.email, "password": player.password, "next": after})
    assert answer.status_code == 303, answer.text
    assert visitor.get(answer.headers["Location"]).headers["Location"] == after


def is_signed_in(visitor: Visitor) -> bool:
    return "/signin" not in visitor.get("/fragments/account").text


def test_signing_up_signs_in_and_returns_to_where_the_visitor_was(visitor: Visitor) -> None:
    answer = visitor.sign_up(next="/v/1#ballot")
    assert answer.headers["Location"] == "/signin/done?next=%2Fv%2F1%23ballot"
    cookie = answer.headers["Set-Cookie"]
    assert "HttpOnly; SameSite=Lax" in cookie
    assert "Secure" not in cookie
    assert visitor.get(answer.headers["Location"]).headers["Location"] == "/v/1#ballot"
    assert is_signed_in(visitor)


def test_an_address_with_an_accent_is_accepted_and_the_browser_does_not_reject_it(visitor: Visitor) -> None:
    assert 'type="email"' not in visitor.get("/signup").text
    assert visitor.sign_up(email=f"{unique('lucía')}@example.com").status_code == 303


def test_a_form_sent_twice_creates_one_account(visitor: Visitor, site: Site) -> None:
    values = {name: str(value) for name, value in sign_up_form().items() if value} | {"key": unique("key")}
    assert [visitor.post("/signup", values).status_code for _ in range(2)] == [303, 303]
    assert site.account_count(values["email"]) == 1


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"password2": "another-password"}, "The passwords are not the same."),
        ({"password1": "short", "password2": "short"}, "The password needs at least 8 characters."),
        ({"email": "nobody"}, "This is not a valid e-mail address."),
        ({"first_name": " "}, "Type something here."),
        ({"city": "x" * 101}, "This is too long: 100 characters are possible."),
        ({"last_name": "a\x00b"}, "The text contains characters that are not allowed."),
    ],
)
def test_a_problem_is_named_next_to_its_field_and_nothing_typed_is_lost(
    changed: dict[str, str], sentence: str, visitor: Visitor
) -> None:
    answer = visitor.sign_up(**{"first_name": "Zoraida", "country": "Colombia"} | changed)
    assert answer.status_code == 400
    assert re.search(rf'class="problem">{re.escape(sentence)}', answer.text)
    assert 'value="Colombia"' in answer.text
    assert 'role="alert"' in answer.text
    assert not is_signed_in(visitor)


def test_the_same_problem_is_named_in_spanish(site: Site) -> None:
    with visiting(site, language="es") as visitor:
        assert "Las contraseñas no coinciden." in visitor.sign_up(password2="another-password").text


def test_an_address_that_has_an_account_is_rejected(visitor: Visitor, site: Site) -> None:
    player = site.sign_up()
    assert "There is an account with this e-mail address." in visitor.sign_up(email=player.email).text


def test_a_wrong_password_does_not_sign_in(visitor: Visitor, site: Site) -> None:
    player = site.sign_up()
    answer = visitor.post("/signin", {"email": player.email, "password": "wrong", "next": "/me"})
    assert answer.status_code == 400
    assert "The e-mail address or the password is wrong." in answer.text
    assert f'value="{player.email}"' in answer.text
    assert not is_signed_in(visitor)


def test_a_browser_that_blocks_cookies_is_told_so(site: Site) -> None:
    with visiting(site) as visitor:
        answer = visitor.sign_up()
        visitor.http.cookies.clear()
        page = visitor.get(answer.headers["Location"])
    assert page.status_code == 400
    assert "Allow cookies for this site" in page.text


def test_signing_out_ends_the_session_even_for_a_copy_of_the_cookie(visitor: Visitor, site: Site) -> None:
    sign_in(visitor, site.sign_up())
    copied = visitor.http.cookies["session"]
    assert visitor.post("/signout").headers["Location"] == "/"
    assert not is_signed_in(visitor)
    visitor.http.cookies.set("session", copied)
    assert not is_signed_in(visitor)
    assert "You were signed out" in visitor.get("/signin").text


def test_signing_out_everywhere_ends_other_browsers_and_the_api(visitor: Visitor, site: Site) -> None:
    player = site.sign_up()
    with visiting(site) as other:
        sign_in(visitor, player)
        sign_in(other, player)
        visitor.post("/signout/everywhere")
        assert not is_signed_in(other)
    assert player.get("/api/videos").status_code == 401


def test_the_api_and_the_pages_do_not_accept_each_others_tokens(visitor: Visitor, site: Site) -> None:
    player = site.sign_up()
    sign_in(visitor, player)
    bearer = {"Authorization": f"Bearer {visitor.http.cookies['session']}"}
    assert site.api.get("/api/videos", headers=bearer).status_code == 401
    visitor.http.cookies.clear()
    visitor.http.cookies.set("session", player.access_token)
    assert not is_signed_in(visitor)


@pytest.mark.parametrize("after", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_signing_in_leads_to_no_other_site(after: str, visitor: Visitor, site: Site) -> None:
    player = site.sign_up()
    answer = visitor.post("/signin", {"email": player.email, "password": player.password, "next": after})
    assert answer.headers["Location"] == "/signin/done?next=%2F"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "same-site"},
        {},
    ],
)
def test_a_page_of_another_site_can_neither_vote_nor_sign_in(
    headers: dict[str, str], visitor: Visitor, site: Site
) -> None:
    player, clip = site.sign_up(), site.publish_video(site.sign_up())
    sign_in(visitor, player)
    for path in (f"/v/{clip}/vote", "/signin", "/signup", "/signout"):
        answer = visitor.http.post(path, data={"email": player.email, "password": player.password}, headers=headers)
        assert answer.status_code == 403
        assert "does not come from a page of this site" in answer.text
    assert is_signed_in(visitor)
    assert "Vote for this clip" in visitor.get(f"/v/{clip}/ballot").text


def test_a_form_over_its_limit_or_damaged_is_rejected(visitor: Visitor) -> None:
    assert visitor.post("/signin", {"email": "x" * 70_000}).status_code == 413
    assert visitor.http.post("/signin", content=b"email=%ff", headers={"Origin": visitor.origin}).status_code == 400
    assert visitor.http.post("/signin", content=b"\xff", headers={"Origin": visitor.origin}).status_code == 400


def test_too_many_attempts_get_a_sentence(make_site: SiteMaker) -> None:
    with visiting(make_site(LOGIN_LIMIT_PER_ACCOUNT_AND_ADDRESS="1 per 1 hour")) as visitor:
        values = {"email": f"{unique('x')}@example.com", "password": "wrong"}
        visitor.post("/signin", values)
        assert "You did that too often." in visitor.post("/signin", values).text


def test_a_vote_needs_one_press_and_a_second_press_changes_nothing(visitor: Visitor, site: Site) -> None:
    clip = site.publish_video(site.sign_up())
    sign_in(visitor, site.sign_up())
    for _ in range(2):
        answer = visitor.post(f"/v/{clip}/vote", X_Fragment="1")
        assert answer.status_code == 200
        assert "You voted for this clip." in answer.text
        assert "<strong>1</strong> vote<" in answer.text
        assert answer.headers["Cache-Control"] == "no-store"
    for _ in range(2):
        assert "<strong>0</strong> votes" in visitor.post(f"/v/{clip}/withdraw", X_Fragment="1").text


def test_without_a_script_a_vote_returns_to_the_page(visitor: Visitor, site: Site) -> None:
    clip = site.publish_video(site.sign_up())
    sign_in(visitor, site.sign_up())
    assert visitor.post(f"/v/{clip}/vote").headers["Location"] == f"/v/{clip}#ballot"


def test_a_visitor_who_is_not_signed_in_returns_to_the_vote(visitor: Visitor, site: Site) -> None:
    clip = site.publish_video(site.sign_up())
    answer = visitor.post(f"/v/{clip}/vote")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/signin?next=%2Fv%2F{clip}")
    assert visitor.post(f"/v/{clip}/vote", X_Fragment="1").status_code == 401


def test_a_vote_that_is_not_allowed_says_why(make_site: SiteMaker) -> None:
    site = make_site(ALLOW_SELF_VOTE="false", VOTE_LIMIT_PER_ACCOUNT="1 per 1 hour")
    player = site.sign_up()
    clip = site.publish_video(player)
    with visiting(site) as visitor:
        sign_in(visitor, player)
        answer = visitor.post(f"/v/{clip}/vote", X_Fragment="1")
        assert (answer.status_code, "You cannot vote for your own clip." in answer.text) == (400, True)
        assert visitor.post(f"/v/{clip}/vote", X_Fragment="1").status_code == 429


def test_a_vote_for_a_clip_that_was_removed_meanwhile_says_so(visitor: Visitor, site: Site) -> None:
    clip = site.publish_video(site.sign_up(), deleted=True)
    sign_in(visitor, site.sign_up())
    answer = visitor.post(f"/v/{clip}/vote", X_Fragment="1")
    assert answer.status_code == 404
    assert "The clip may have been removed." in answer.text


def test_a_players_own_place_is_shown_and_never_cached(visitor: Visitor, site: Site) -> None:
    city = unique("Yopal")
    player = site.sign_up(city=city)
    site.publish_video(site.sign_up(city=city), votes=9)
    site.publish_video(player, votes=4)
    assert "position" not in visitor.get(f"/fragments/place/{city.lower()}").text
    sign_in(visitor, player)
    answer = visitor.get(f"/fragments/place/{city.lower()}")
    assert "position <strong>2</strong> with 4 votes" in answer.text
    assert answer.headers["Cache-Control"] == "no-store"
