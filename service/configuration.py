"""Reads the settings: an option overrides the environment, that the configuration file, and that the default.

Every fault is reported at once, by one sentence that names the setting and never holds a secret.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from service.config_file import FileValue, read_config
from service.memory import share_out
from service.setting_kinds import EXISTING, FILE, FOLDER, Rule
from service.settings import (
    KEY_ALGORITHMS,
    MIN_SECRET_BYTES,
    PREFIX,
    SECRET_ALGORITHMS,
    Settings,
    SettingsError,
    rules,
)


def load(options: Mapping[str, object], environ: Mapping[str, str]) -> Settings:
    """Return the settings of a command line's options (None: not given), the environment and the file they name.

    Raises: SettingsError with every fault; none contains a secret.
    """
    values: dict[str, Any] = {}
    in_file, faults = _settings_in_file(_given("config", options, environ))
    own_scorer = _given("scorer", options, environ) is not None or "scorer" in in_file
    for name, rule in rules().items():
        if name == "bundle" and own_scorer:
            continue
        text = _given(name, options, environ)
        try:
            if text is not None:
                values[name] = _read(text, rule)
            elif name in in_file:
                values[name] = _read_from_file(in_file[name], rule)
            elif name == "bundle":
                faults.append("bundle: required")
        except ValueError as fault:
            faults.append(f"{name}: {fault}")
        except OSError as error:
            faults.append(f"{name}: {error.strerror}: {error.filename}")
    faults.extend(_faults_in_combination(values))
    if faults:
        raise SettingsError(faults)
    return _with_memory_shared_out(Settings(**values), values)


def _with_memory_shared_out(settings: Settings, given: Mapping[str, object]) -> Settings:
    """Return the settings with what follows from the memory limit, unless it is given. Raises: SettingsError."""
    shares = share_out(settings.memory_bytes, settings.workers, settings.max_body_bytes)._asdict()
    shared_out = replace(settings, **{name: share for name, share in shares.items() if name not in given})
    if shared_out.body_budget_bytes < settings.max_body_bytes:
        raise SettingsError(
            [f"body_budget_bytes: less than max_body_bytes, which is {settings.max_body_bytes}"]
        )
    return shared_out


def _settings_in_file(path: str | None) -> tuple[Mapping[str, FileValue], list[str]]:
    """Return the settings in a configuration file, and its faults; without a file neither.

    Raises: SettingsError when it cannot be read: what it would have given is not known to be missing.
    """
    if path is None or not Path(path).is_file():
        return {}, []  # that there is no such file is found with the other settings
    values = read_config(Path(path))
    known = [name for name in rules() if name != "config"]
    faults = [
        f"{path}: {name}: there is no such setting{_similar(name, known)}" for name in values.keys() - known
    ]
    return {name: FileValue(path, value) for name, value in values.items()}, sorted(faults)


def _similar(name: str, known: Sequence[str]) -> str:
    similar = get_close_matches(name.replace("-", "_"), known, n=1)
    return f"; did you mean {similar[0]}?" if similar else ""


def _given(name: str, options: Mapping[str, object], environ: Mapping[str, str]) -> str | None:
    option = options.get(name)
    if option is not None:
        return str(option)
    text = environ.get(PREFIX + name.upper(), "")
    # Kubernetes sets SCOREPOOL_PORT=tcp://10.0.0.7:8000 in every pod next to a service called scorepool.
    if name == "port" and text.startswith("tcp://"):
        return None
    return text or None


def _read_from_file(given: FileValue, rule: Rule) -> object:
    """Turn a value of the file into that of a setting. Raises: ValueError that names the file."""
    try:
        return _read(given.as_text(rule.kind), rule)
    except ValueError as fault:
        raise ValueError(f"{fault} (in {given.file})") from None


def _read(text: str, rule: Rule) -> object:
    """Turn the text of a setting into its value.

    Raises: ValueError that says what was expected; OSError where a folder may not be searched.
    """
    kind = rule.kind
    try:
        value = kind.parse(text)
    except ValueError:
        raise ValueError(f"{text!r} is not {kind.words}") from None
    if rule.least is not None and not (isinstance(value, int | float) and rule.least <= value <= rule.most):
        raise ValueError(f"{text} is not {kind.words} from {rule.least} to {rule.most}")
    named = value if isinstance(value, tuple) else (value,)
    if rule.choices and not set(named) <= set(rule.choices):
        raise ValueError(f"{text!r} is not of {', '.join(map(str, rule.choices))}")
    if kind is FOLDER and not Path(text).is_dir():
        raise ValueError(f"there is no folder {text}")
    if kind is FILE and not Path(text).is_file():
        raise ValueError(f"there is no file {text}")
    if kind is EXISTING and not Path(text).exists():
        raise ValueError(f"there is no {text}")
    return value


def _faults_in_combination(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the faults of settings that are valid one by one."""
    if "*" in values.get("cors_origins", ()):
        yield "cors_origins: * would allow every page; list the origins"
    if "model" in values and "scorer" not in values:
        yield "model: it goes with scorer; documents are scored with a bundle"
    if values.get("reload") and "scorer" not in values:
        yield "reload: it goes with scorer"
    if ("tls_certificate_file" in values) != ("tls_key_file" in values):
        yield "tls_certificate_file, tls_key_file: both or neither"
    if "uds" in values and "tls_certificate_file" in values:
        yield "uds, tls_certificate_file: what passes a Unix socket does not leave the machine; choose one"
    yield from _faults_of_tokens(values)


def _faults_of_tokens(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield the faults of the token settings in combination."""
    sources = ("jwt_secret", "jwt_public_key_file", "jwt_jwks_url")
    given = [name for name in sources if name in values]
    if len(given) != 1:
        yield f"exactly one of {', '.join(sources)} is required, {len(given)} given"
    accepted = values.get("jwt_algorithms", ())
    if "jwt_secret" in values:
        size, least = len(values["jwt_secret"].encode()), _least_secret(accepted)
        if size < least:
            yield f"jwt_secret: {size} bytes, at least {least} required; try: openssl rand -hex {least}"
    if "jwt_jwks_url" in values and not is_trusted_address(values["jwt_jwks_url"]):
        yield "jwt_jwks_url: expected https:// (or http:// of this machine), without user or password"
    family = SECRET_ALGORITHMS if "jwt_secret" in values else KEY_ALGORITHMS
    for name in accepted:
        if given and name not in family:
            yield f"jwt_algorithms: {name} does not go with {given[0]}; possible are {', '.join(family)}"


def _least_secret(algorithms: tuple[str, ...]) -> int:
    """Return the least bytes of a secret: the length of the longest hash among `algorithms` (RFC 7518, 3.2)."""
    return max([MIN_SECRET_BYTES, *(int(name[2:]) // 8 for name in algorithms if name in SECRET_ALGORITHMS)])


def is_trusted_address(url: str) -> bool:
    """Tell whether keys from `url` cannot be replaced on the way: TLS, or a connection within this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        loopback = host == "localhost" or (host[:1] in "0123456789:" and ip_address(host).is_loopback)
        valid_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    plain = parts.scheme == "http" and loopback
    return (parts.scheme == "https" or plain) and bool(host) and "@" not in parts.netloc and valid_port
