"""Every setting of the service, declared once: name, type, unit, default, bounds and help.

The command line makes its options from `declared()`; `service.configuration` reads the values.
"""

from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Annotated, NamedTuple, get_args, get_type_hints

from service.cpus import usable_cpus
from service.limits import OVERLOAD_STATUSES, RequestLimits
from service.memory import (
    DEFAULT_ANSWER_BUDGET_BYTES,
    DEFAULT_WORKER_BYTES,
    MIN_ANSWER_BUDGET_BYTES,
    MIN_WORKER_BYTES,
    Shares,
    memory_limit,
)
from service.setting_kinds import (
    BYTES,
    EXISTING,
    FILE,
    FLAG,
    FOLDER,
    HOSTS,
    NAMES,
    NETWORKS,
    OWN_FOLDER,
    SECONDS,
    SHARE,
    SOCKET,
    TEXT,
    URL_PREFIX,
    WHOLE,
    Rule,
)

PREFIX = "SCOREPOOL_"

# Environment variables that workers do without: what they run may print its environment, or send it with an error.
SECRETS = (f"{PREFIX}JWT_SECRET",)

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
    reload: Annotated[
        bool,
        Rule(
            FLAG,
            "With --scorer, while you write it: when a Python file below the current folder changes, the workers go on "
            "with the new code.",
        ),
    ] = False
    config: Annotated[
        Path | None,
        Rule(
            FILE,
            "TOML file with settings by their names. Options and the environment take precedence over it; paths in it "
            "start from its folder.",
        ),
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
    uds: Annotated[
        Path | None,
        Rule(
            SOCKET,
            "A Unix socket to listen on, instead of host and port, which are ignored then. The service's user and "
            "group may connect.",
        ),
    ] = None
    root_path: Annotated[
        str,
        Rule(
            URL_PREFIX,
            "The path below which a proxy shows the service, like /scorepool. Requests are answered with it and "
            "without it: the proxy may strip it or not.",
            shown="none",
        ),
    ] = ""
    forwarded_allow_ips: Annotated[
        tuple[str, ...],
        Rule(
            NETWORKS,
            "The proxies whose X-Forwarded-For and X-Forwarded-Proto are believed: addresses, networks, unix: for a "
            "Unix socket, * for every peer. It changes the client in the log and nothing else.",
            shown="none",
        ),
    ] = ()
    tls_certificate_file: Annotated[
        Path | None,
        Rule(FILE, "PEM file with the certificate and its chain: serves HTTPS alone. Read again on SIGHUP."),
    ] = None
    tls_key_file: Annotated[
        Path | None, Rule(FILE, "PEM file with the certificate's private key, without a password.")
    ] = None
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
    memory_bytes: Annotated[
        int | None,
        Rule(
            BYTES,
            "Memory of the server and its workers together. The budgets of bodies and answers and the memory of a "
            "worker follow it, where they are not set.",
            MIN_WORKER_BYTES,
            KIB * GIB,
            shown="the limit of the container, if it has one",
        ),
    ] = field(default_factory=memory_limit)
    body_budget_bytes: Annotated[
        int,
        Rule(
            BYTES,
            "What bodies that are not scored yet may hold in memory together. Beyond it requests are refused (503) "
            "before their bodies are read.",
            1,
            KIB * GIB,
            shown="32 of the largest, an eighth of memory_bytes at most",
        ),
    ] = 256 * MIB
    answer_budget_bytes: Annotated[
        int,
        Rule(
            BYTES,
            "What answers that clients have not read yet may hold in memory together. Beyond it a request for a large "
            "answer is refused (503). A matrix of 1,000 documents is 12 MB. Too low refuses bursts of such requests; "
            "too high lets slow readers take the memory.",
            MIN_ANSWER_BUDGET_BYTES,
            KIB * GIB,
            shown="96 MiB, a quarter of memory_bytes at most",
        ),
    ] = DEFAULT_ANSWER_BUDGET_BYTES
    state_dir: Annotated[
        Path | None,
        Rule(
            OWN_FOLDER,
            "The folder for jobs, their corpora and results; made where there is none. One server uses it at a time. "
            "Without it there are no jobs.",
            shown="none",
        ),
    ] = None
    state_reserve_bytes: Annotated[
        int, Rule(BYTES, "Of the disk of state_dir, what jobs leave free: they pause there.", 0, KIB * GIB)
    ] = GIB
    jobs_share: Annotated[
        float,
        Rule(
            SHARE,
            "Of the workers' time, what jobs get while requests wait, too. With 0 they have what requests leave.",
            0,
            0.9,
        ),
    ] = 0.0
    cluster: Annotated[
        str | None,
        Rule(
            TEXT,
            "The Dask cluster that embeds and compares the documents of jobs, instead of the workers: "
            "tcp://HOST:PORT or tls://HOST:PORT of its scheduler. Needs scorepool[cluster].",
            shown="none",
        ),
    ] = None
    max_upload_bytes: Annotated[
        int, Rule(BYTES, "A corpus that is larger, as it is sent, is refused (413).", 1, KIB * GIB)
    ] = 4 * GIB
    max_corpus_bytes: Annotated[
        int, Rule(BYTES, "A corpus that expands to more is refused (413).", 1, KIB * GIB)
    ] = 16 * GIB
    max_corpus_documents: Annotated[
        int, Rule(WHOLE, "A corpus of more documents is refused (413).", 1, 1_000_000_000)
    ] = 10_000_000
    max_job_pairs: Annotated[
        int,
        Rule(WHOLE, "Pairs that are kept of a job, 20 bytes each; others are counted.", 1, 10**10),
    ] = 10_000_000
    max_jobs: Annotated[
        int, Rule(WHOLE, "Jobs of one subject that may wait and run; more are refused (429).", 1, 10_000)
    ] = 10
    jobs_bytes: Annotated[
        int,
        Rule(
            BYTES, "What all jobs of one subject may take of the disk; more are refused (429).", 1, KIB * GIB
        ),
    ] = 64 * GIB
    job_retention_s: Annotated[
        float, Rule(SECONDS, "How long a job is kept with its result, once it has ended.", 1, 100_000 * HOUR)
    ] = 168 * HOUR
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
        int,
        Rule(
            BYTES,
            "Private memory of a worker; what needs more is ended.",
            MIN_WORKER_BYTES,
            KIB * GIB,
            shown="2 GiB, three eighths of memory_bytes for all at most",
        ),
    ] = DEFAULT_WORKER_BYTES
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
    def memory(self) -> Shares:
        """What may hold how much memory."""
        return Shares(self.body_budget_bytes, self.answer_budget_bytes, self.worker_memory_bytes)

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
