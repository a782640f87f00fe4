"""POST /api/auth/signup: which sign-ups are accepted, and how the API explains each refusal."""

import json
import unicodedata
import uuid
from collections.abc import Callable

import httpx
import pytest
from argon2 import PasswordHasher

from app.db.models import User
from testing.answers import all_at_once, refusal, shape_refusal
from testing.homes import unique
from testing.people import PASSWORD, sign_up_form
from testing.sites import Site

pytestmark = pytest.mark.either_backend

PROFILE = {"id", "user_id", "email", "first_name", "last_name", "city", "country", "is_active"}
REQUIRED = ("first_name", "last_name", "email", "password1", "password2")
MEGABYTE = "x" * 1_000_000


def sign_up(site: Site, **fields: object) -> httpx.Response:
    return site.api.post("/api/auth/signup", json=sign_up_form(**fields))


def test_a_new_account_is_answered_with_its_profile_and_a_token(site: Site) -> None:
    form = sign_up_form(city="Bogotá", country="Colombia")
    answer = site.api.post("/api/auth/signup", json=form)
    assert answer.status_code == 201
    body = answer.json()
    assert set(body) == PROFILE | {"message", "user", "access_token", "token_type", "expires_in"}
    assert body["message"] == "Usuario creado exitosamente."
    assert body["token_type"] == "bearer"
    assert 0 < body["expires_in"] <= 900
    assert body["id"] == body["user_id"]
    assert body["is_active"] is True
    asked = ("first_name", "last_name", "email", "city", "country")
    assert [body[name] for name in asked] == [form[name] for name in asked]
    assert body["user"] == {name: body[name] for name in body["user"]}
    assert set(body["user"]) >= PROFILE - {"user_id"}


def test_the_token_of_a_sign_up_is_accepted_by_the_owners_routes(site: Site) -> None:
    token = sign_up(site).json()["access_token"]
    answer = site.api.get("/api/videos", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()) == (200, [])


@pytest.mark.parametrize("absent", [{}, {"city": None, "country": None}], ids=["left out", "null"])
def test_city_and_country_may_be_missing(site: Site, absent: dict[str, None]) -> None:
    body = sign_up(site, **absent).json()
    assert (body["city"], body["country"]) == (None, None)


def test_a_sign_up_answers_with_a_trailing_slash_too(site: Site) -> None:
    assert site.api.post("/api/auth/signup/", json=sign_up_form()).status_code == 201


@pytest.mark.parametrize("length", [8, 128])
def test_passwords_of_8_and_of_128_characters_are_accepted(site: Site, length: int) -> None:
    password = "ñ" * length
    assert sign_up(site, password1=password, password2=password).status_code == 201


def test_a_password_of_7_characters_is_too_short(site: Site) -> None:
    answer = sign_up(site, password1="1234567", password2="1234567")
    assert shape_refusal(answer, "password1") == "Password must be at least 8 characters"


def test_a_password_of_129_characters_is_too_long(site: Site) -> None:
    answer = sign_up(site, password1="x" * 129, password2="x" * 129)
    assert shape_refusal(answer, "password1")


def decomposed(text: str) -> str:
    return unicodedata.normalize("NFD", text)


def test_the_length_of_a_password_counts_composed_characters(site: Site) -> None:
    seven, eight, most = (decomposed("ñ" * length) for length in (7, 8, 128))
    answer = sign_up(site, password1=seven, password2=seven)
    assert shape_refusal(answer, "password1") == "Password must be at least 8 characters"
    for password in (eight, most):
        assert sign_up(site, password1=password, password2=password).status_code == 201


def test_two_unicode_forms_of_a_password_are_the_same_password(site: Site) -> None:
    password = "contraseña-canción"
    form = sign_up_form(password1=password, password2=decomposed(password))
    assert site.api.post("/api/auth/signup", json=form).status_code == 201
    for typed in (password, decomposed(password)):
        body = {"email": form["email"], "password": typed}
        assert site.api.post("/api/auth/login", json=body).status_code == 200


def test_a_password_that_was_hashed_without_normalization_still_signs_in(site: Site) -> None:
    password = "contraseña-canción"
    player = site.sign_up()
    with site.tables():
        as_before = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1).hash(decomposed(password))
        User.update(password_hash=as_before).where(User.id == uuid.UUID(player.id)).execute()
    for typed, status in ((decomposed(password), 200), (password, 200), (password + "x", 401), ("contrasena", 401)):
        body = {"email": player.email, "password": typed}
        assert site.api.post("/api/auth/login", json=body).status_code == status


@pytest.mark.parametrize(
    "spaces", [" ", "\t", "\u00a0", "\u3000", "\u2009 ", "\x1f", "\r\n", "\u200b", "\ufeff"], ids=ascii
)
def test_spaces_around_an_address_are_ignored(site: Site, spaces: str) -> None:
    email = f"{unique('ana')}@example.com"
    assert sign_up(site, email=f"{spaces}{email}{spaces}").json()["email"] == email
    assert refusal(sign_up(site, email=email), 400)
    answer = site.api.post("/api/auth/login", json={"email": f"{email}{spaces}", "password": PASSWORD})
    assert answer.status_code == 200


@pytest.mark.parametrize("email", ["", "ana", "ana@", "@example.com", "ana@ example.com", "a@b@example.com"])
def test_a_malformed_address_is_refused_by_name(site: Site, email: str) -> None:
    answer = sign_up(site, email=email)
    assert shape_refusal(answer, "email").startswith("value is not a valid email address")


def test_two_different_passwords_are_refused(site: Site) -> None:
    form = sign_up_form(password2=PASSWORD + "x")
    assert isinstance(refusal(site.api.post("/api/auth/signup", json=form), 400), str)
    assert site.account_count(form["email"]) == 0


@pytest.mark.parametrize("spell", [str, str.upper, str.title])
def test_an_address_has_one_account_however_it_is_spelled(site: Site, spell: Callable[[str], str]) -> None:
    email = site.sign_up().email
    answer = sign_up(site, email=spell(email))
    assert refusal(answer, 400) == "Email already registered: el email ya se encuentra registrado."
    assert site.account_count(email) == 1


def test_an_address_is_kept_in_lower_case(site: Site) -> None:
    email = f"{unique('Ana.Maria')}@Example.COM"
    assert sign_up(site, email=email).json()["email"] == email.lower()


def test_field_errors_are_reported_before_rule_violations(site: Site) -> None:
    taken = site.sign_up().email
    assert shape_refusal(sign_up(site, email=taken, first_name=None, password2="another one"), "first_name")


@pytest.mark.parametrize("field", REQUIRED)
def test_a_missing_required_field_is_named(site: Site, field: str) -> None:
    form = sign_up_form()
    del form[field]
    assert shape_refusal(site.api.post("/api/auth/signup", json=form), field)


@pytest.mark.parametrize("value", [None, 7, 1.5, True, [], ["x"], {}, {"x": 1}], ids=repr)
@pytest.mark.parametrize("field", REQUIRED)
def test_a_required_field_of_another_type_is_refused_by_name(site: Site, field: str, value: object) -> None:
    assert shape_refusal(sign_up(site, **{field: value}), field)


@pytest.mark.parametrize("value", [7, True, [], {}], ids=repr)
@pytest.mark.parametrize("field", ["city", "country"])
def test_an_optional_field_of_another_type_is_refused_by_name(site: Site, field: str, value: object) -> None:
    assert shape_refusal(sign_up(site, **{field: value}), field)


@pytest.mark.parametrize("value", ["", "   ", "x" * 101], ids=["empty", "blank", "101 long"])
@pytest.mark.parametrize("field", ["first_name", "last_name"])
def test_a_name_without_letters_or_too_long_is_refused(site: Site, field: str, value: str) -> None:
    assert shape_refusal(sign_up(site, **{field: value}), field)


@pytest.mark.parametrize("field", ["first_name", "last_name", "email", "city", "country"])
def test_nul_in_a_displayed_field_is_refused(site: Site, field: str) -> None:
    form = sign_up_form(city="Cali", country="Colombia")
    form[field] += "\x00"
    assert shape_refusal(site.api.post("/api/auth/signup", json=form), field)


def test_a_password_with_nul_is_refused_or_not_truncated(site: Site) -> None:
    form = sign_up_form(password1="eight or\x00more", password2="eight or\x00more")
    if site.api.post("/api/auth/signup", json=form).status_code != 422:
        answer = site.api.post("/api/auth/login", json={"email": form["email"], "password": "eight or"})
        assert refusal(answer, 401)


def test_an_unknown_field_is_refused_by_name(site: Site) -> None:
    form = sign_up_form(is_admin=True)
    assert shape_refusal(site.api.post("/api/auth/signup", json=form), "is_admin")
    assert site.account_count(form["email"]) == 0


@pytest.mark.parametrize("field", [*REQUIRED, "city", "country"])
def test_a_megabyte_in_a_field_is_too_large(site: Site, field: str) -> None:
    assert refusal(sign_up(site, **{field: MEGABYTE}), 413)


@pytest.mark.parametrize("field", [*REQUIRED, "city", "country"])
def test_a_lone_surrogate_is_refused(site: Site, field: str) -> None:
    form = sign_up_form()
    lone = dict.fromkeys(["password1", "password2"] if field.startswith("password") else [field], "\ud800 is eight")
    # json.dumps writes the surrogate as the escape that a client would send.
    body = json.dumps({**form, **lone})
    answer = site.api.post("/api/auth/signup", content=body, headers={"Content-Type": "application/json"})
    assert refusal(answer, 422)
    assert site.account_count(form["email"]) == 0


@pytest.mark.parametrize(
    "text", ["José Ñandú", "محمد", "李雷", "🏀", "<script>alert(1)</script>", "'; DROP TABLE users; --"]
)
def test_a_name_is_returned_unchanged(site: Site, text: str) -> None:
    assert sign_up(site, first_name=text).json()["first_name"] == text


@pytest.mark.parametrize("letter", ["ﷺ", "ß", "İ"])
def test_a_city_whose_folded_name_is_longer_is_accepted(site: Site, letter: str) -> None:
    assert sign_up(site, city=letter * 100).status_code in {201, 422}


INVISIBLE = ["\u200b", "\u200d", "\ufeff \u200e", "\u00ad\u2060", "\u3164", "\u2800", "\ufe0f"]


@pytest.mark.parametrize("value", INVISIBLE, ids=ascii)
@pytest.mark.parametrize("field", ["first_name", "last_name"])
def test_a_name_of_invisible_characters_is_refused_as_empty(site: Site, field: str, value: str) -> None:
    assert refusal(sign_up(site, **{field: value}), 422) == refusal(sign_up(site, **{field: ""}), 422)


@pytest.mark.parametrize("value", INVISIBLE, ids=ascii)
def test_a_city_of_invisible_characters_is_stored_as_none(site: Site, value: str) -> None:
    body = sign_up(site, city=value, country=value).json()
    assert (body["city"], body["country"]) == (None, None)


@pytest.mark.parametrize("field", ["first_name", "last_name", "city", "country"])
def test_invisible_characters_are_removed(site: Site, field: str) -> None:
    written = "\ufeff\u200bSan\u200e José\u200f \u2060\u00ad "
    assert sign_up(site, **{field: written}).json()[field] == "San José"


@pytest.mark.parametrize("control", ["\u202e", "\u202a", "\u2066", "\u2069"], ids=ascii)
@pytest.mark.parametrize("field", ["first_name", "last_name", "city", "country"])
def test_text_with_a_direction_control_is_refused(site: Site, field: str, control: str) -> None:
    assert "direction" in shape_refusal(sign_up(site, **{field: f"Ana{control}zuR"}), field)


@pytest.mark.parametrize("text", ["👨‍👩‍👧", "❤️‍🔥", "می‌خواهم", "क्‍ष", "മോഹന്‍"])
@pytest.mark.parametrize("field", ["first_name", "city"])
def test_joiners_that_belong_to_a_name_are_kept(site: Site, field: str, text: str) -> None:
    assert sign_up(site, **{field: text}).json()[field] == text


def test_the_same_key_and_body_make_one_account(site: Site) -> None:
    form, key = sign_up_form(), {"Idempotency-Key": unique("key")}
    first, second = (site.api.post("/api/auth/signup", json=form, headers=key) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    fields = PROFILE | {"message", "user"}
    assert {name: first.json()[name] for name in fields} == {name: second.json()[name] for name in fields}
    assert site.account_count(form["email"]) == 1


@pytest.mark.parametrize("change", [{"first_name": "Eva"}, {"password1": "another one", "password2": "another one"}])
def test_the_same_key_with_another_body_is_refused(site: Site, change: dict[str, str]) -> None:
    form, key = sign_up_form(), {"Idempotency-Key": unique("key")}
    assert site.api.post("/api/auth/signup", json=form, headers=key).status_code == 201
    changed = site.api.post("/api/auth/signup", json={**form, **change}, headers=key)
    assert "Idempotency-Key" in str(refusal(changed, 422))
    assert site.account_count(form["email"]) == 1


def test_sign_ups_that_race_for_an_address_make_one_account(site: Site) -> None:
    form = sign_up_form()
    answers = all_at_once(*[lambda: site.api.post("/api/auth/signup", json=form)] * 8)
    assert sorted(answer.status_code for answer in answers) == [201] + [400] * 7
    assert site.account_count(form["email"]) == 1


def test_sign_ups_that_race_with_one_key_get_one_answer(site: Site) -> None:
    form, key = sign_up_form(), {"Idempotency-Key": unique("key")}
    answers = all_at_once(*[lambda: site.api.post("/api/auth/signup", json=form, headers=key)] * 8)
    assert [answer.status_code for answer in answers] == [201] * 8
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert site.account_count(form["email"]) == 1


def test_without_the_key_a_repeated_sign_up_is_refused_because_the_address_is_taken(site: Site) -> None:
    form = sign_up_form()
    assert site.api.post("/api/auth/signup", json=form).status_code == 201
    assert refusal(site.api.post("/api/auth/signup", json=form), 400)


@pytest.mark.parametrize(
    "key", [b"k" * 1000, b"", b"\xe9\xff", b"a b"], ids=["oversized", "empty", "Latin-1", "a space"]
)
def test_a_malformed_key_is_refused_and_creates_no_account(site: Site, key: bytes) -> None:
    form = sign_up_form()
    answer = site.api.post("/api/auth/signup", json=form, headers=[(b"Idempotency-Key", key)])
    assert answer.status_code in {400, 422}
    assert refusal(answer, answer.status_code)
    assert site.account_count(form["email"]) == 0
