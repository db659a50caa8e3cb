"""Settings come from options, the environment and defaults, and all their faults are reported at once."""

from pathlib import Path

import pytest

from service.configuration import load
from service.settings import MIB, Settings, SettingsError, declared

SECRET = "an-example-secret-of-forty-characters-00"


@pytest.fixture
def given(tmp_path: Path) -> dict[str, object]:
    """Return the smallest set of options that is valid."""
    return {"bundle": tmp_path, "jwt_secret": SECRET}


def faults(options: dict[str, object], environ: dict[str, str] | None = None) -> str:
    """Return the faults of invalid settings, one a line."""
    with pytest.raises(SettingsError) as caught:
        load(options, environ or {})
    return "\n".join(caught.value.faults)


def test_defaults_are_those_of_the_contract(given: dict[str, object]) -> None:
    """A setting that is not given has the documented value."""
    settings = load(given, {})

    assert (settings.host, settings.port, settings.max_body_bytes) == (("127.0.0.1",), 8000, 8 * 1024 * 1024)
    assert settings.algorithms == ("HS256",)
    assert settings.workers >= 1


def test_an_option_overrides_the_environment(given: dict[str, object]) -> None:
    """And the environment overrides the default."""
    environ = {"SCOREPOOL_PORT": "9000", "SCOREPOOL_MAX_DOCUMENTS": "7"}

    settings = load({**given, "port": 9001}, environ)

    assert (settings.port, settings.max_documents) == (9001, 7)


def test_an_option_that_was_not_given_is_none(given: dict[str, object]) -> None:
    """The command line passes None for an option that is left out."""
    assert load({**given, "port": None}, {"SCOREPOOL_PORT": "9000"}).port == 9000


def test_lists_have_commas(given: dict[str, object]) -> None:
    """Space around the commas does not matter."""
    settings = load(given, {"SCOREPOOL_CORS_ORIGINS": "https://a.example, https://b.example"})

    assert settings.cors_origins == ("https://a.example", "https://b.example")


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("0.0.0.0", ("0.0.0.0",)),
        ("[::1]", ("::1",)),
        ("127.0.0.1,::1", ("127.0.0.1", "::1")),
        ("127.0.0.1, [::1]", ("127.0.0.1", "::1")),
    ],
)
def test_hosts_are_a_list(given: dict[str, object], text: str, hosts: tuple[str, ...]) -> None:
    """An IPv6 address may have the brackets of a URL."""
    assert load({**given, "host": text}, {}).host == hosts


@pytest.mark.parametrize("text", [" ", ",", "[]", "127.0.0.1,[]"])
def test_a_list_without_a_host_is_refused(given: dict[str, object], text: str) -> None:
    """Not taken for every address."""
    assert faults({**given, "host": text}).startswith("host:")


@pytest.mark.parametrize("text", ["500", "", "five", "503,429"])
def test_the_status_of_overload_is_one_of_two(given: dict[str, object], text: str) -> None:
    """Any other is a fault."""
    assert load(given, {}).overload_status == 503
    assert load({**given, "overload_status": "429"}, {}).overload_status == 429
    assert faults({**given, "overload_status": text}).startswith("overload_status:")


def test_an_origin_is_never_every_origin(given: dict[str, object]) -> None:
    """`*` would allow any page to call the service."""
    assert faults({**given, "cors_origins": "https://a.example,*"}).startswith("cors_origins:")


def test_all_faults_are_reported_at_once(tmp_path: Path) -> None:
    """Wrong types, missing settings and settings that contradict each other."""
    found = faults(
        {"port": "http", "workers": "0", "jwt_algorithms": "none", "request_timeout_s": "nan"},
        {"SCOREPOOL_LOG_LEVEL": "loud", "SCOREPOOL_JWT_PUBLIC_KEY_FILE": str(tmp_path / "none.pem")},
    )

    for name in ("bundle", "port", "workers", "jwt_algorithms", "request_timeout_s", "log_level"):
        assert f"{name}:" in found
    assert "there is no file" in found
    assert "exactly one of" in found


@pytest.mark.parametrize("value", ["-1", "65536", "80.5", "", "tcp", "1e3"])
def test_a_port_is_a_whole_number_in_range(given: dict[str, object], value: str) -> None:
    """The message names the setting."""
    assert faults({**given, "port": value}).startswith("port:")


@pytest.mark.parametrize("value", ["nan", "inf", "-1", "1h"])
def test_a_time_is_a_finite_number_of_seconds(given: dict[str, object], value: str) -> None:
    """NaN and infinity are no deadlines."""
    assert faults({**given, "request_timeout_s": value}).startswith("request_timeout_s:")


def test_the_port_that_kubernetes_sets_is_ignored(given: dict[str, object]) -> None:
    """A service called scorepool makes Kubernetes set SCOREPOOL_PORT to an address."""
    assert load(given, {"SCOREPOOL_PORT": "tcp://10.0.0.7:8000"}).port == 8000


def test_a_short_secret_is_refused(given: dict[str, object]) -> None:
    """A secret under 32 bytes can be found by trying."""
    assert "at least 32" in faults({**given, "jwt_secret": "x" * 31})


def test_a_longer_hash_needs_a_longer_secret(given: dict[str, object]) -> None:
    """RFC 7518: as many bytes as the hash."""
    assert "at least 64" in faults({**given, "jwt_secret": "x" * 63, "jwt_algorithms": "HS256,HS512"})


def test_a_secret_is_never_shown(given: dict[str, object]) -> None:
    """Neither in the repr of the settings nor in a fault."""
    short = "canary-secret"

    assert SECRET not in repr(load(given, {}))
    assert short not in faults({**given, "jwt_secret": short, "port": "x"})


def test_one_source_of_keys_only(given: dict[str, object]) -> None:
    """With two it would be unclear which one is used."""
    assert "2 given" in faults({**given, "jwt_jwks_url": "https://issuer.example/keys"})


@pytest.mark.parametrize("algorithms", ["RS256", "HS256,RS256", "EdDSA"])
def test_a_secret_goes_with_hmac_only(given: dict[str, object], algorithms: str) -> None:
    """Families of algorithms are never mixed."""
    assert "does not go with jwt_secret" in faults({**given, "jwt_algorithms": algorithms})


def test_keys_do_not_go_with_hmac(tmp_path: Path) -> None:
    """A public key must never serve as an HMAC secret."""
    options: dict[str, object] = {"bundle": tmp_path, "jwt_jwks_url": "https://issuer.example/keys"}

    assert load(options, {}).algorithms == ("RS256", "ES256", "EdDSA")
    assert "does not go with jwt_jwks_url" in faults({**options, "jwt_algorithms": "HS256"})


@pytest.mark.parametrize(
    "url",
    ["https://issuer.example/keys", "http://127.0.0.1:9/keys", "http://[::1]/keys", "http://localhost:80/"],
)
def test_addresses_of_keys_that_can_be_trusted(tmp_path: Path, url: str) -> None:
    """TLS, or this machine."""
    assert load({"bundle": tmp_path, "jwt_jwks_url": url}, {}).jwt_jwks_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://issuer.example/keys",
        "http://127.0.0.1.example/keys",
        "http://localhost.example/",
        "http://10.0.0.1/keys",
        "ftp://127.0.0.1/keys",
        "file:///etc/passwd",
        "https://user:canary@issuer.example/",
        "https://",
        "https://issuer.example:99999/",
        "issuer.example/keys",
    ],
)
def test_addresses_of_keys_that_cannot_be_trusted(tmp_path: Path, url: str) -> None:
    """Keys could be replaced on the way; a password in the address is not repeated."""
    found = faults({"bundle": tmp_path, "jwt_jwks_url": url})

    assert found.startswith("jwt_jwks_url:")
    assert "canary" not in found


def test_every_setting_is_described() -> None:
    """The command line has a flag, a variable and help for each."""
    settings = declared()

    assert [setting.name for setting in settings] == list(Settings.__dataclass_fields__)
    assert all(setting.help.endswith(".") for setting in settings)
    assert all(setting.environment == f"SCOREPOOL_{setting.name.upper()}" for setting in settings)


def test_budgets_follow_the_memory(given: dict[str, object]) -> None:
    """Those that are set stay."""
    small = {**given, "memory_bytes": str(300 * MIB), "workers": 1}

    followed = load(small, {})
    chosen = load({**small, "worker_memory_bytes": str(150 * MIB)}, {})

    assert (followed.body_budget_bytes, followed.answer_budget_bytes) == (25 * MIB, 50 * MIB)
    assert (followed.worker_memory_bytes, chosen.worker_memory_bytes) == (147 * MIB, 150 * MIB)


def test_the_largest_body_fits_into_the_budget_of_bodies(given: dict[str, object]) -> None:
    """It could never be taken otherwise."""
    assert load({**given, "max_body_bytes": str(512 * MIB)}, {}).body_budget_bytes >= 512 * MIB
    assert "body_budget_bytes" in faults({**given, "body_budget_bytes": str(MIB)})


def test_a_bundle_is_required_for_documents_alone(given: dict[str, object]) -> None:
    """With a scorer it is ignored, even one that does not exist: the container image always names one."""
    without = {"jwt_secret": SECRET, "scorer": "hashes:Hashes"}

    assert "bundle: required" in faults({"jwt_secret": SECRET})
    assert load(without, {"SCOREPOOL_BUNDLE": "/no/such/bundle"}).bundle is None


def test_a_model_goes_with_a_scorer(given: dict[str, object], tmp_path: Path) -> None:
    """And it exists."""
    scored = {"jwt_secret": SECRET, "scorer": "hashes:Hashes"}

    assert load({**scored, "model": tmp_path}, {}).model == tmp_path
    assert "model: it goes with scorer" in faults({**given, "model": tmp_path})
    assert "model: there is no /no/such/model" in faults({**scored, "model": "/no/such/model"})
