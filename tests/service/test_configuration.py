"""Settings in a file: their types, their place behind options and environment, and their faults."""

from pathlib import Path

import pytest

from service.config_file import exposed_secrets
from service.configuration import load
from service.settings import Settings, SettingsError
from tests.support.tokens import SECRET


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a bundle's."""
    (tmp_path / "model").mkdir()
    return tmp_path


def write(folder: Path, text: str) -> Path:
    """Write a configuration file."""
    file = folder / "scorepool.toml"
    file.write_text(text)
    return file


def loaded(folder: Path, text: str, **environ: str) -> Settings:
    """Return the settings of a file with a bundle and a secret, and `text`."""
    file = write(folder, f'bundle = "model"\njwt_secret = "{SECRET}"\n{text}')
    return load({"config": file}, {f"SCOREPOOL_{name.upper()}": value for name, value in environ.items()})


def faults(folder: Path, text: str) -> list[str]:
    """Return the faults of a file."""
    with pytest.raises(SettingsError) as caught:
        loaded(folder, text)
    return caught.value.faults


def test_a_file_has_settings_by_their_names(folder: Path) -> None:
    """Numbers, texts and lists have the types of TOML; paths start from the file's folder."""
    settings = loaded(
        folder, 'port = 9000\njwt_leeway_s = 5\nqueue_budget_s = 2.5\nhost = ["127.0.0.1", "::1"]'
    )

    assert (settings.port, settings.jwt_leeway_s, settings.queue_budget_s) == (9000, 5.0, 2.5)
    assert settings.host == ("127.0.0.1", "::1")
    assert settings.bundle == folder / "model"


def test_a_list_may_be_a_text_with_commas(folder: Path) -> None:
    """As in the environment."""
    assert loaded(folder, 'forwarded_allow_ips = "10.0.0.0/8, unix:"').forwarded_allow_ips == (
        "10.0.0.0/8",
        "unix:",
    )


def test_a_scorer_may_be_in_the_file(folder: Path) -> None:
    """With what goes with it: a path from the file's folder, and a boolean."""
    file = write(folder, f'scorer = "mine:Scorer"\nmodel = "model"\nreload = true\njwt_secret = "{SECRET}"')

    settings = load({"config": file}, {})

    assert (settings.scorer, settings.model, settings.reload) == ("mine:Scorer", folder / "model", True)


def test_option_and_environment_override_the_file(folder: Path) -> None:
    """In this order."""
    file = write(
        folder, f'bundle = "model"\njwt_secret = "{SECRET}"\nport = 1\nmax_documents = 1\nworkers = 1'
    )

    environ = {"SCOREPOOL_CONFIG": str(file), "SCOREPOOL_PORT": "2", "SCOREPOOL_MAX_DOCUMENTS": "2"}
    settings = load({"port": 3}, environ)

    assert (settings.port, settings.max_documents, settings.workers) == (3, 2, 1)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('port = "80"', "port: a string is not a whole number (in {file})"),
        ("port = true", "port: a boolean is not a whole number (in {file})"),
        ("port = 80.5", "port: a float is not a whole number (in {file})"),
        ("port = 99999", "port: 99999 is not a whole number from 0 to 65535 (in {file})"),
        ("host = [1]", "host: an array is not a list of hosts with commas (in {file})"),
        ("jwt_audience = 2020-01-01", "jwt_audience: a date or time is not a text (in {file})"),
        ("prot = 80", "{file}: prot: there is no such setting; did you mean port?"),
        (
            "max-documents = 80",
            "{file}: max-documents: there is no such setting; did you mean max_documents?",
        ),
        ('config = "other.toml"', "{file}: config: there is no such setting"),
        ("[server]\nport = 80", "{file}: server: there is no such setting"),
        ("port = x", "{file}: Invalid value (at line 3, column 8)"),
    ],
)
def test_a_fault_names_the_file(folder: Path, text: str, fault: str) -> None:
    """And the line, where it is no TOML."""
    assert fault.format(file=folder / "scorepool.toml") in faults(folder, text)


def test_all_faults_of_a_file_are_reported_at_once(folder: Path) -> None:
    """Unknown names, wrong types, and what contradicts."""
    found = "\n".join(faults(folder, "prot = 1\nport = true\njwt_jwks_url = 'https://issuer.example/'"))

    assert "prot:" in found
    assert "port:" in found
    assert "2 given" in found


def test_a_file_that_is_not_there_is_named(folder: Path) -> None:
    """Its path is in the fault."""
    with pytest.raises(SettingsError, match=r"config: there is no file .*none.toml"):
        load({"config": folder / "none.toml"}, {})


def test_bytes_that_are_no_text_are_a_fault(folder: Path) -> None:
    """TOML is UTF-8."""
    (folder / "scorepool.toml").write_bytes(b"port = '\xff'")

    with pytest.raises(SettingsError, match=r"scorepool.toml: not UTF-8"):
        load({"config": folder / "scorepool.toml"}, {})


def test_a_secret_in_a_file_is_never_shown(folder: Path) -> None:
    """Neither a short one nor one of the wrong type."""
    for secret in ('"canary-secret"', '["canary-secret"]', "1234567890"):
        file = write(folder, f"bundle = 'model'\njwt_secret = {secret}\nport = 'x'")
        with pytest.raises(SettingsError) as caught:
            load({"config": file}, {})
        assert not any(part in str(caught.value) for part in ("canary", "1234567890"))


def test_secrets_that_others_may_read_are_found(folder: Path) -> None:
    """The configuration where it holds one, and the key of the certificate."""
    file, key = write(folder, f'jwt_secret = "{SECRET}"'), folder / "key.pem"
    key.touch()
    for each in (file, key):
        each.chmod(0o644)
    assert exposed_secrets(file, key) == [file, key]

    for each in (file, key):
        each.chmod(0o640)
    assert exposed_secrets(file, key) == []

    write(folder, "port = 1").chmod(0o644)
    assert exposed_secrets(file, None) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("root_path", "scorepool"),
        ("root_path", "/a//b"),
        ("root_path", "/a/../b"),
        ("root_path", "/a?b"),
        ("forwarded_allow_ips", "10.0.0.1/8"),
        ("forwarded_allow_ips", "localhost"),
        ("uds", "x" * 108),
    ],
)
def test_what_a_proxy_needs_is_checked(folder: Path, name: str, text: str) -> None:
    """A prefix, networks, and a path that is short enough."""
    assert faults(folder, f'{name} = "{text}"')[0].startswith(f"{name}:")


@pytest.mark.parametrize(("text", "prefix"), [("/", ""), ("/a/b/", "/a/b"), ("", "")])
def test_a_prefix_has_no_slash_at_its_end(folder: Path, text: str, prefix: str) -> None:
    """With and without it are the same."""
    assert loaded(folder, f'root_path = "{text}"').root_path == prefix


def test_a_certificate_needs_its_key(folder: Path) -> None:
    """And neither goes with a Unix socket."""
    (folder / "c.pem").touch()

    assert "both or neither" in faults(folder, 'tls_certificate_file = "c.pem"')[0]
    both = 'tls_certificate_file = "c.pem"\ntls_key_file = "c.pem"'
    assert "choose one" in faults(folder, f'{both}\nuds = "socket"')[0]
