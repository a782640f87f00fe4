"""What every page has in common: languages, security headers, errors as pages, static files, caching."""

import re

import pytest

from app.web.headers import page_headers
from testing.browsing import Visitor, visiting
from testing.homes import unique
from testing.sites import Site, SiteMaker

pytestmark = pytest.mark.either_backend

PUBLIC = ("/", "/ranking", "/about")


@pytest.fixture(scope="module")
def visitor(site: Site) -> object:
    with visiting(site) as visitor:
        yield visitor


@pytest.mark.parametrize("path", [*PUBLIC, "/signup", "/signin"])
def test_a_page_allows_only_scripts_and_styles_of_its_own_site(path: str, visitor: Visitor) -> None:
    answer = visitor.get(path)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert not re.search(r"<style|<script(?! type=\"module\" src=)| style=| on[a-z]+=", answer.text)


def test_the_policy_names_the_store() -> None:
    headers = page_headers(lambda: "https://clips.example.org")()
    assert "media-src 'self' https://clips.example.org;" in headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", PUBLIC)
def test_a_public_page_sets_no_cookie_and_is_unchanged_until_its_content_changes(path: str, visitor: Visitor) -> None:
    answer = visitor.get(path)
    assert "Set-Cookie" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-cache"
    assert visitor.get(path, **{"If-None-Match": answer.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("es-CO,es;q=0.9,en;q=0.8", "es"),
        ("en-GB", "en"),
        ("fr,en;q=0.5,es;q=0.7", "es"),
        ("es;q=0,en", "en"),
        ("", "es"),
        ("zh", "es"),
        (";;q=,,en;q=x, *;q=0.1", "es"),
        ("en;" * 2000, "es"),
        ("en;q=1e999", "en"),
        ("en;q=nan", "es"),
    ],
)
def test_the_browsers_language_is_used(accepted: str, language: str, site: Site) -> None:
    with visiting(site, language=accepted) as visitor:
        assert f'<html lang="{language}">' in visitor.get("/").text


def test_a_chosen_language_is_remembered(site: Site) -> None:
    with visiting(site, language="es") as visitor:
        answer = visitor.get("/language/en?next=/ranking%3Foffset%3D50")
        assert (answer.status_code, answer.headers["Location"]) == (303, "/ranking?offset=50")
        assert '<html lang="en">' in visitor.get("/").text


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example", "javascript:alert(1)"]
)
def test_no_address_leads_to_another_site(target: str, visitor: Visitor) -> None:
    answer = visitor.http.get("/language/es", params={"next": target})
    assert answer.headers["Location"] == "/"
    visitor.http.cookies.clear()


@pytest.mark.parametrize(
    "path", ["/nothing", "/v/nothing", "/v/4f0c1de2-6c1a-4b7e-9d55-0d8c9d2f7a31", "/static/x.css", "/%00"]
)
def test_an_unknown_address_of_the_site_gets_a_page(path: str, visitor: Visitor) -> None:
    answer = visitor.get(path)
    assert answer.status_code == 404
    assert "Page not found" in answer.text
    assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/api", "/api/nothing", "/health/nothing", "/docs/nothing", "/internal/nothing"])
def test_an_unknown_address_of_the_api_gets_json_even_in_a_browser(path: str, visitor: Visitor) -> None:
    answer = visitor.get(path, Accept="text/html")
    assert (answer.status_code, answer.json()) == (404, {"detail": "Not found"})


def test_a_wrong_method_gets_a_page(visitor: Visitor) -> None:
    answer = visitor.post("/about")
    assert answer.status_code == 405
    assert "That does not work here" in answer.text


def test_a_wrong_query_gets_a_page_with_a_sentence(visitor: Visitor) -> None:
    answer = visitor.get("/?order=sideways")
    assert answer.status_code == 400
    assert "That did not work" in answer.text
    assert visitor.get("/?cursor=%F0%9F%A6%84").status_code == 400


def test_static_files_have_immutable_names(visitor: Visitor) -> None:
    path = re.findall(r'href="(/static/site-[0-9a-f]{16}\.css)"', visitor.get("/").text)[0]
    answer = visitor.get(path)
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Content-Type"] == "text/css; charset=utf-8"


def test_a_static_file_of_another_release_is_served_but_not_kept(visitor: Visitor) -> None:
    answer = visitor.get("/static/site-0123456789abcdef.css")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")


def test_a_league_has_its_own_name_colours_logo_and_rules(make_site: SiteMaker, home_folder: str) -> None:
    site = make_site(LEAGUE_NAME="Liga <Norte>", LEAGUE_ACCENT="#00527a", BRAND_DIR=home_folder)
    with visiting(site) as visitor:
        page = visitor.get("/about").text
        assert "Liga &lt;Norte&gt;" in page
        assert "<h1>Our rules</h1>" in page
        assert "<script>" not in page
        assert "#00527a" in visitor.get(re.findall(r'href="(/static/brand-[^"]*)"', page)[0]).text
        assert "our logo" in visitor.get(re.findall(r'src="(/static/logo-[^"]*)"', page)[0]).text


@pytest.fixture
def home_folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp(unique("brand"))
    (folder / "rules.en.md").write_text("# Our rules\n\n<script>alert(1)</script>")
    (folder / "logo.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"><title>our logo</title></svg>')
    return str(folder)
