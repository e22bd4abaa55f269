"""What the service reads from the environment (`RXVISION_*`), and the environment of processes it launches."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

# ONNX Runtime's Linux wheels report to Microsoft from 1.29 on, and keep a device id below ~/.cache, unless told not to
# before the first session is opened.
QUIET = {
    "BENTOML_DO_NOT_TRACK": "True",
    "DO_NOT_TRACK": "1",
    "ITERATIVE_DO_NOT_TRACK": "1",
    "ORT_DISABLE_TELEMETRY": "1",
}
_TOKEN = frozenset({"RXVISION_TOKEN", "RXVISION_TOKEN_FILE"})
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


class Settings(BaseSettings):
    """Every knob of the serving side; each default is safe on a laptop."""

    model_config = SettingsConfigDict(env_prefix="RXVISION_", frozen=True, extra="ignore")

    home: Path = Field(default=Path("var"), description="everything a run produces lies below it")
    host: str = Field(default="127.0.0.1", description="0.0.0.0 opens the service to the network")
    port: Annotated[int, Field(ge=1, le=65535)] = 3000
    grpc_port: Annotated[int, Field(ge=1, le=65535)] = 50051
    workers: Annotated[int, Field(ge=1, le=64, description="processes; each holds its own copy of the networks")] = 1
    threads: Annotated[int, Field(ge=1, le=64, description="answers worked on at once in one worker")] = 2
    max_in_flight: Annotated[int, Field(ge=1, le=1024, description="requests held at once in one worker")] = 16
    latency_budget_s: Annotated[
        float, Field(gt=0, description="what would be answered later is refused at once; large values queue")
    ] = 0.8
    degrade_share: Annotated[
        float, Field(ge=0, description="of the budget: beyond it only the fast network is asked; large values: never")
    ] = 0.25
    max_streams: Annotated[int, Field(ge=1, le=1024, description="gRPC bulk streams held at once in one worker")] = 8
    body_timeout_s: Annotated[float, Field(gt=0, description="a head or a body that arrives slower is refused")] = 30.0
    answer_timeout_s: Annotated[float, Field(gt=0, description="waiting for a thread and answering together")] = 30.0
    max_batch_items: Annotated[int, Field(ge=1, le=256, description="items of one predict/batch request")] = 32
    max_batch_bytes: Annotated[int, Field(ge=2**20, description="one predict/batch request; held in memory")] = 2**26
    job_sources: tuple[str, ...] = Field(
        default=(), description="JSON list of directories and object-store prefixes that batches may read; none"
    )
    job_max_items: Annotated[int, Field(ge=1, le=60_000, description="items of one batch job")] = 10_000
    job_max_bytes: Annotated[int, Field(ge=2**20, le=2**32 - 1, description="one uploaded archive; on disk")] = 2**30
    job_max_unfinished: Annotated[int, Field(ge=1, description="batch jobs that wait or run at once")] = 8
    job_upload_timeout_s: Annotated[float, Field(gt=0, description="an archive that arrives slower is refused")] = 900.0
    job_keep_h: Annotated[float, Field(gt=0, description="results and unfinished jobs are deleted after it")] = 168.0
    job_lease_s: Annotated[
        float, Field(gt=0, description="a killed worker's job goes on elsewhere after it; longer than one answer takes")
    ] = 60.0
    job_patience_s: Annotated[
        float, Field(ge=0, description="how long a batch item waits while people's requests are held")
    ] = 1.0
    cache_entries: Annotated[int, Field(ge=0, description="answers kept per worker where there is no Redis")] = 512
    cache_ttl_s: Annotated[float, Field(gt=0, description="how long an answer is kept")] = 3600.0
    redis_url: str | None = Field(default=None, description="redis://...; answers are then kept there, for all workers")
    poll_s: Annotated[float, Field(gt=0, description="how often the release file is looked at")] = 2.0
    shadow_waiting: Annotated[
        int, Field(ge=0, le=256, description="pictures held for a shadow in a worker; 0: none")
    ] = 8
    allow_fallback: bool = Field(default=True, description="answer from the packed bundle while no release exists")
    packed_home: Path = Field(
        default=Path(__file__).resolve().parents[1] / "packed",
        description="the release packed into the Bento: a home with its own release, keys, recogniser and gallery",
    )
    journal: str | None = Field(default=None, description="SQLAlchemy URL; SQLite under home where not given")
    release: Path | None = Field(default=None, description="signed release file; below home where not given")
    public_key: Path | None = Field(default=None, description="key that releases must be signed with")
    promotion_rules: Path | None = Field(
        default=None, description="YAML: approvals and change envelope that promotions must meet; gates alone without"
    )
    access: Literal["off", "local", "keys", "issuer"] | None = Field(
        default=None,
        description="who is let in: everybody; who has a token of the development issuer; an API key; or a token of "
        "access_issuer. API keys are taken too unless off. issuer where access_issuer is given, else off",
    )
    access_issuer: str | None = Field(default=None, description="whose tokens are taken: their claim iss")
    access_audience: str | None = Field(default=None, description="this service, in their claim aud")
    access_jwks: str | None = Field(default=None, description="the issuer's keys: a path, or a URL")
    access_types: tuple[str, ...] = Field(default=(), description="JSON list; typ of access tokens: at+jwt")
    access_roles_claim: str = Field(default="roles", description="where roles stand; a.b for a member of an object")
    access_leeway_s: Annotated[float, Field(ge=0, le=300, description="how far clocks may differ")] = 30.0
    access_jwks_ttl_s: Annotated[float, Field(gt=0, description="a withdrawn key is taken so long")] = 300.0
    access_jwks_max_age_s: Annotated[float, Field(gt=0, description="keys in hand while none come")] = 3600.0
    access_jwks_cooldown_s: Annotated[float, Field(gt=0, description="between two fetches, whatever comes")] = 10.0
    access_jwks_over_http: bool = Field(default=False, description="who is on the way can then make tokens")
    token: SecretStr | None = Field(
        default=None, description="who gives a command that promotes, exports or erases, where tokens are configured"
    )
    token_file: Path | None = Field(
        default=None, description="where that token lies instead; /dev/stdin reads it from standard input"
    )
    allow_open: bool = Field(default=False, description="listen beyond the loopback without access control")
    step_up_acr: tuple[str, ...] = Field(default=(), description="JSON list; promoting and the like need one")
    step_up_amr: tuple[str, ...] = Field(default=(), description="JSON list; promoting and the like need all")
    step_up_max_age_s: Annotated[float | None, Field(gt=0, description="since the person proved who he is")] = None
    rate_per_minute: Annotated[int, Field(ge=0, description="calls of one caller and operation; 0: no limit")] = 100
    rate_per_hour: Annotated[int, Field(ge=0, description="calls of one caller and operation; 0: no limit")] = 1000
    cors_origins: tuple[Annotated[str, Field(pattern=r"^https?://[^/*\s]+$")], ...] = Field(
        default=(), description="JSON list of origins whose pages may ask; none"
    )
    tls_certificate: Path | None = Field(default=None, description="PEM, for REST and gRPC; in plain text without")
    tls_key: Path | None = Field(default=None, description="PEM")
    tls_client_ca: Path | None = Field(default=None, description="PEM; callers must then show a certificate of it")
    retain_pictures: dict[Annotated[str, Field(pattern=r"^[a-z][a-z_]{0,39}$")], Annotated[float, Field(gt=0)]] = Field(
        default={}, description="JSON object, days by purpose: pictures are kept, encrypted, so long; none without"
    )
    personal_data: Literal["redact", "refuse", "keep"] = Field(
        default="redact", description="what happens to telephone numbers and the like in text that was typed"
    )
    encrypt_batches: bool = Field(default=True, description="uploads, names of files and results are encrypted on disk")
    encrypt_journal: bool = Field(
        default=False, description="new entries of the journal are encrypted; without keys/kek nobody can read them"
    )
    encrypt_exports: bool = Field(
        default=False, description="exports of the journal are encrypted; without keys/kek nobody can read them"
    )
    keep_subjects_days: Annotated[
        float | None, Field(gt=0, description="subjects of whom nothing came for so long are erased; never")
    ] = None
    keep_drift_days: Annotated[float, Field(gt=0, description="drift reports older than it are deleted")] = 365.0
    keep_logs_days: Annotated[float, Field(gt=0, description="*.log below home, not written for it, go")] = 90.0
    metrics_dir: Path | None = Field(
        default=None, validation_alias="PROMETHEUS_MULTIPROC_DIR", description="set by BentoML for its workers"
    )

    @property
    def access_mode(self) -> Literal["off", "local", "keys", "issuer"]:
        """Who is let in."""
        return self.access or ("issuer" if self.access_issuer else "off")

    @property
    def base_url(self) -> str:
        """Where REST answers on this machine."""
        return f"http{'s' if self.tls_certificate else ''}://{self.host}:{self.port}"

    @property
    def keys_dir(self) -> Path:
        """Directory of the signing key and of the journal's HMAC key."""
        return self.home / "keys"

    @property
    def journal_url(self) -> str:
        """SQLAlchemy URL of the journal."""
        return self.journal or f"sqlite:///{self.home.resolve() / 'journal.db'}"

    @property
    def privacy_url(self) -> str:
        """SQLAlchemy URL of wrapped keys and retained pictures: the journal's server, or a SQLite file of its own."""
        own = f"sqlite:///{self.home.resolve() / 'privacy.db'}"
        return own if self.journal_url.startswith("sqlite") else self.journal_url

    @property
    def release_path(self) -> Path:
        """The signed release file that is watched."""
        return self.release or self.home / "release" / "release.json"

    @property
    def public_key_path(self) -> Path:
        """The key that releases must be signed with."""
        return self.public_key or self.keys_dir / "signing.pub"


def silence() -> None:
    """Turn the telemetry of every serving library off in this process; before any of them is used."""
    os.environ.update(QUIET)


def without_token(variables: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that stays, and must not act in the name of whoever started it."""
    return {name: value for name, value in variables.items() if name not in _TOKEN}


def launch_environment(settings: Settings) -> dict[str, str]:
    """Environment for a BentoML process of ours: these settings, telemetry off, one compute thread.

    BentoML's own home lies below ours, since a second server with the same one would delete its metrics.
    """
    given = settings.model_dump(exclude={"metrics_dir", "token", "token_file"}, exclude_none=True, exclude_unset=True)
    own = {f"RXVISION_{name.upper()}": _text(value) for name, value in given.items()}
    home = settings.home.resolve()
    places = {"RXVISION_HOME": str(home), "BENTOML_HOME": f"{home}/bentoml"}
    return {**without_token(os.environ), **QUIET, **_ONE_THREAD, **own, **places}


def _text(value: object) -> str:
    return json.dumps(value) if isinstance(value, tuple | list | dict) else str(value)
