"""Settings are read from the environment."""

import pytest

from app.config import ApiSettings, ConfigurationError, Settings, load_settings

COMPLETE = {
    "DATABASE_URL": "sqlite:////tmp/site.db",
    "QUEUE_URL": "sqlite:////tmp/queue.db",
    "S3_BUCKET": "clips",
    "JWT_SECRET": "j" * 32,
    "DOORBELL_SECRET": "d" * 32,
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in COMPLETE.items():
        monkeypatch.setenv(name, value)


def test_the_required_settings_are_enough_and_secrets_are_not_shown() -> None:
    settings = load_settings(ApiSettings)
    assert settings.s3_bucket == "clips"
    assert "j" * 32 not in repr(settings)


@pytest.mark.parametrize("name", COMPLETE)
def test_a_missing_setting_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(name)
    with pytest.raises(ConfigurationError, match=f"{name} is not set"):
        load_settings(ApiSettings)


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("JWT_SECRET", "short", "JWT_SECRET"),
        ("RENDER_PROFILE", "cinema", "RENDER_PROFILE"),
        ("ACCESS_TOKEN_SECONDS", "901", "ACCESS_TOKEN_SECONDS"),
        ("WORKERS", "0", "WORKERS"),
        ("VOTE_LIMIT_PER_ACCOUNT", "many", "VOTE_LIMIT_PER_ACCOUNT"),
        ("DATABASE_URL", "mysql://host/name", "DATABASE_URL"),
        ("QUEUE_URL", "amqp://host", "QUEUE_URL"),
        ("HEARTBEAT_SECONDS", "31", "at least twice HEARTBEAT_SECONDS"),
    ],
)
def test_an_invalid_setting_is_named_with_its_allowed_values(
    name: str, value: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=hint) as caught:
        load_settings(ApiSettings)
    assert "short" not in str(caught.value).replace("should have", "")


def test_all_errors_are_reported_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("S3_BUCKET")
    monkeypatch.setenv("WORKERS", "many")
    with pytest.raises(ConfigurationError) as caught:
        load_settings(ApiSettings)
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("text", "origins"),
    [
        ("", ()),
        ("https://show.example.org", ("https://show.example.org",)),
        (
            " https://a.example , http://localhost:3000,https://a.example",
            ("https://a.example", "http://localhost:3000"),
        ),
        ("https://[::1]:8443", ("https://[::1]:8443",)),
    ],
)
def test_origins_are_separated_by_commas(text: str, origins: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", text)
    assert load_settings(Settings).cors_origins == origins


def test_no_origin_is_allowed_unless_it_is_named() -> None:
    assert load_settings(Settings).cors_origins == ()


@pytest.mark.parametrize(
    "origin",
    [
        "*",
        "null",
        "show.example.org",
        "https://show.example.org/",
        "https://show.example.org/app",
        "https://SHOW.example.org",
        "https://show.example.org:443",
        "http://show.example.org:80",
        "https://*.example.org",
        "https://ana@show.example.org",
        "ftp://show.example.org",
        "https://a.example https://b.example",
    ],
)
def test_an_invalid_origin_is_named_with_the_expected_form(origin: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORS_ORIGINS", f"https://good.example,{origin}")
    with pytest.raises(ConfigurationError) as caught:
        load_settings(Settings)
    assert f"CORS_ORIGINS: {origin!r} is not an origin" in str(caught.value)
    assert "https://show.example.org" in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_process_that_verifies_no_token_needs_no_signing_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JWT_SECRET")
    assert load_settings(Settings).s3_bucket == "clips"
