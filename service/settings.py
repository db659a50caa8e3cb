"""Every setting of the service, declared once: name, type, unit, default, bounds and help.

The command line makes its options from `declared()`; `load` turns options and environment into `Settings` and
reports every fault at once. An option overrides the environment, and the environment overrides the default.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args, get_type_hints
from urllib.parse import urlsplit

from service.cpus import usable_cpus
from service.limits import MAX_ANSWER_BYTES, OVERLOAD_STATUSES, RequestLimits

PREFIX = "SCOREPOOL_"

# The length of a SHA-256 hash (RFC 7518, 3.2); a shorter secret can be found by trying, without any request.
MIN_SECRET_BYTES = 32

SECRET_ALGORITHMS = ("HS256", "HS384", "HS512")

KEY_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")

DEFAULT_KEY_ALGORITHMS = ("RS256", "ES256", "EdDSA")

LOG_LEVELS = ("debug", "info", "warning", "error")

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
HOUR = 3600.0


class SettingsError(Exception):
    """The settings cannot be used: `faults` has one sentence for each fault, without any secret."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = faults


class Kind(NamedTuple):
    """A type of setting: its placeholder on the command line, its parser, and its name in messages."""

    metavar: str
    parse: Callable[[str], object]
    words: str


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _hosts(text: str) -> tuple[str, ...]:
    """Return the hosts of a list, which has one at least, without the brackets of IPv6 addresses."""
    hosts = tuple(name.removeprefix("[").removesuffix("]") for name in _names(text))
    if not all(hosts) or not hosts:
        raise ValueError(text)
    return hosts


TEXT = Kind("TEXT", str, "a text")
FOLDER = Kind("DIR", Path, "a folder")
FILE = Kind("FILE", Path, "a file")
EXISTING = Kind("PATH", Path, "a path")
WHOLE = Kind("N", int, "a whole number")
BYTES = Kind("BYTES", int, "a whole number of bytes")
SECONDS = Kind("SECONDS", float, "a number of seconds")
HOSTS = Kind("LIST", _hosts, "a list of hosts with commas")
NAMES = Kind("LIST", _names, "a list with commas")


class Rule(NamedTuple):
    """The declaration of one setting besides its name, type and default; `least` and `most` are inclusive bounds."""

    kind: Kind
    help: str
    least: float | None = None
    most: float = 0
    choices: tuple[str | int, ...] = ()
    shown: str = ""  # the default in words, where it is not a constant


class Setting(NamedTuple):
    """One setting as a command line declares it."""

    name: str
    flag: str
    environment: str
    metavar: str
    default: str
    help: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of one server. Sizes are bytes, times seconds."""

    bundle: Annotated[
        Path | None, Rule(FOLDER, "The model bundle to serve; required, and ignored with --scorer.")
    ] = None
    scorer: Annotated[
        str | None,
        Rule(
            TEXT,
            "Serve your own scorer instead of documents and a bundle: package.module:Name, a class or a function. The "
            "current folder is searched for the module first.",
        ),
    ] = None
    model: Annotated[
        Path | None, Rule(EXISTING, "With --scorer: the file or folder that its constructor is given.")
    ] = None
    host: Annotated[
        tuple[str, ...],
        Rule(
            HOSTS,
            "The addresses or names to listen on. :: takes IPv4 too, unless an IPv4 address is listed with it.",
            shown="127.0.0.1",
        ),
    ] = ("127.0.0.1",)
    port: Annotated[int, Rule(WHOLE, "The port to listen on; 0 takes a free one.", 0, 65535)] = 8000
    workers: Annotated[
        int,
        Rule(
            WHOLE,
            "Worker processes. More than the CPUs makes each slower, fewer leaves CPUs idle.",
            1,
            1024,
            shown="the CPUs this process may use",
        ),
    ] = field(default_factory=usable_cpus)
    jwt_secret: Annotated[
        str | None,
        Rule(
            TEXT,
            f"The secret that signs the tokens, at least {MIN_SECRET_BYTES} bytes. Others on the machine can "
            "read a command line: prefer the environment.",
        ),
    ] = field(default=None, repr=False)
    jwt_public_key_file: Annotated[Path | None, Rule(FILE, "PEM file with the public key of the tokens.")] = (
        None
    )
    jwt_jwks_url: Annotated[str | None, Rule(TEXT, "Address of the issuer's key set (JWKS).")] = None
    jwt_algorithms: Annotated[
        tuple[str, ...],
        Rule(
            NAMES,
            "The signature algorithms accepted; those of secrets and of keys are never mixed.",
            choices=SECRET_ALGORITHMS + KEY_ALGORITHMS,
            shown="HS256 with a secret; RS256, ES256, EdDSA with keys",
        ),
    ] = ()
    jwt_audience: Annotated[str, Rule(TEXT, "The aud claim that a token must have.")] = "scorepool"
    jwt_issuer: Annotated[str | None, Rule(TEXT, "The iss claim that a token must have, where set.")] = None
    jwt_scope: Annotated[str | None, Rule(TEXT, "The scope that /score needs, where set.")] = None
    jwt_leeway_s: Annotated[float, Rule(SECONDS, "How far the issuer's clock may be off.", 0, 300)] = 30.0
    max_body_bytes: Annotated[int, Rule(BYTES, "A larger body is refused (413).", 1, GIB)] = 8 * MIB
    max_documents: Annotated[
        int,
        Rule(
            WHOLE,
            "More documents in one request are refused (413). Time grows with their square.",
            1,
            100_000,
        ),
    ] = 1_000
    max_document_bytes: Annotated[int, Rule(BYTES, "A longer text is refused (413).", 1, GIB)] = 256 * KIB
    request_timeout_s: Annotated[
        float,
        Rule(
            SECONDS, "Time from a request's last header to its answer; a client may shorten it.", 0.001, HOUR
        ),
    ] = 30.0
    body_timeout_s: Annotated[float, Rule(SECONDS, "Time for a whole body to arrive.", 0.001, HOUR)] = 10.0
    header_timeout_s: Annotated[float, Rule(SECONDS, "Time for the headers to arrive.", 0.001, HOUR)] = 10.0
    queue_budget_s: Annotated[
        float,
        Rule(
            SECONDS,
            "Predicted wait beyond which a request is refused (503). Too low refuses bursts that could be "
            "served; too high lets clients wait for what they gave up.",
            0.001,
            HOUR,
        ),
    ] = 5.0
    answer_budget_bytes: Annotated[
        int,
        Rule(
            BYTES,
            "What answers that clients have not read yet may hold in memory together. Beyond it a request for a large "
            "answer is refused (503). A matrix of 1,000 documents is 12 MB. Too low refuses bursts of such requests; "
            "too high lets slow readers take the memory.",
            MAX_ANSWER_BYTES,
            KIB * GIB,
        ),
    ] = 96 * MIB
    drain_delay_s: Annotated[
        float,
        Rule(
            SECONDS,
            "On SIGTERM, how long to go on accepting while not ready, for load balancers to notice.",
            0,
            HOUR,
        ),
    ] = 0.0
    drain_timeout_s: Annotated[float, Rule(SECONDS, "On SIGTERM, time for the work in hand.", 0, HOUR)] = 25.0
    worker_memory_bytes: Annotated[
        int, Rule(BYTES, "Private memory of a worker; what needs more is ended.", 64 * MIB, KIB * GIB)
    ] = 2 * GIB
    load_timeout_s: Annotated[
        float,
        Rule(
            SECONDS,
            "Time for a new worker to load: its imports, its model, its self-test. Too low ends the start of a large "
            "model; too high keeps a slot waiting for one that hangs.",
            0.1,
            HOUR,
        ),
    ] = 60.0
    worker_max_calls: Annotated[
        int,
        Rule(
            WHOLE,
            "A worker is replaced after so many calls, for code that leaks memory. Low numbers have slots wait for "
            "loading; 0 never does it.",
            0,
            10**12,
        ),
    ] = 0
    overload_status: Annotated[
        int,
        Rule(
            WHOLE,
            "The status of a refusal for overload. A proxy that ejects servers for their 503 answers would move "
            "the load to the others, and then eject those: behind one, choose 429.",
            choices=OVERLOAD_STATUSES,
        ),
    ] = 503
    log_level: Annotated[str, Rule(TEXT, "The least that is logged.", choices=LOG_LEVELS)] = "info"
    log_format: Annotated[
        str | None,
        Rule(TEXT, "How it is logged.", choices=("json", "console"), shown="json; console on a terminal"),
    ] = None
    cors_origins: Annotated[
        tuple[str, ...], Rule(NAMES, "Origins whose pages may call the service.", shown="none")
    ] = ()

    @property
    def algorithms(self) -> tuple[str, ...]:
        """The signature algorithms accepted."""
        return self.jwt_algorithms or (SECRET_ALGORITHMS[:1] if self.jwt_secret else DEFAULT_KEY_ALGORITHMS)

    @property
    def limits(self) -> RequestLimits:
        """The limits that the worker checks."""
        return RequestLimits(self.max_documents, self.max_document_bytes)


def rules() -> dict[str, Rule]:
    """Return the rule of every setting by name, in the order of the declaration."""
    hints = get_type_hints(Settings, include_extras=True)
    return {item.name: get_args(hints[item.name])[-1] for item in fields(Settings)}


def declared() -> tuple[Setting, ...]:
    """Describe every setting for a command line."""
    defaults = {item.name: item.default for item in fields(Settings)}
    return tuple(_describe(name, rule, defaults[name]) for name, rule in rules().items())


def _describe(name: str, rule: Rule, default: object) -> Setting:
    choices = [str(choice) for choice in rule.choices]
    metavar = "|".join(choices) if choices and rule.kind is not NAMES else rule.kind.metavar
    shown = rule.shown or ("" if default is None or default is MISSING else str(default))
    return Setting(name, "--" + name.replace("_", "-"), PREFIX + name.upper(), metavar, shown, rule.help)


def load(options: Mapping[str, object], environ: Mapping[str, str]) -> Settings:
    """Return the settings of a command line's options (None: not given) and the environment.

    Raises: SettingsError with every fault; none contains a secret.
    """
    values: dict[str, Any] = {}
    faults: list[str] = []
    own_scorer = _given("scorer", options, environ) is not None
    for name, rule in rules().items():
        if name == "bundle" and own_scorer:
            continue
        text = _given(name, options, environ)
        try:
            if text is not None:
                values[name] = _read(text, rule)
            elif name == "bundle":
                faults.append("bundle: required")
        except ValueError as fault:
            faults.append(f"{name}: {fault}")
    if "*" in values.get("cors_origins", ()):
        faults.append("cors_origins: * would allow every page; list the origins")
    if "model" in values and not own_scorer:
        faults.append("model: it goes with scorer; documents are scored with a bundle")
    faults.extend(_faults_of_tokens(values))
    if faults:
        raise SettingsError(faults)
    return Settings(**values)


def _given(name: str, options: Mapping[str, object], environ: Mapping[str, str]) -> str | None:
    option = options.get(name)
    if option is not None:
        return str(option)
    text = environ.get(PREFIX + name.upper(), "")
    # Kubernetes sets SCOREPOOL_PORT=tcp://10.0.0.7:8000 in every pod next to a service called scorepool.
    if name == "port" and text.startswith("tcp://"):
        return None
    return text or None


def _read(text: str, rule: Rule) -> object:
    """Turn the text of a setting into its value. Raises: ValueError that says what was expected."""
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
