"""Settings that every service reads from its environment (`PROFILES_MONGO_URI`, …). No secret has a default."""

import difflib
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared import kafka
from shared.auth import Issuer, load_issuers
from shared.http.cors import origins_in
from shared.mongo import is_connection_string
from shared.refusals import worded
from shared.topics import load_topics

NETWORK_ID = r"^(?:[a-z0-9][a-z0-9-]{0,30})?$"
_DATABASE = re.compile(r"[A-Za-z0-9_-]{1,63}")

_INJECTED = re.compile(r"PORT|(.+_)?SERVICE_(HOST|PORT(_\w+)?)|(.+_)?PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?")
"""Variables behind the prefix that Kubernetes injects for a service of that name, and compose's host ports."""


def unknown_variables(environment: Mapping[str, str], *, prefix: str, known: Iterable[str]) -> list[str]:
    """A line for each variable with this prefix that no setting reads, with the nearest known name."""
    names = [prefix.upper() + name.upper() for name in known]
    read = {*names, *(f"{name}_FILE" for name in names if name.endswith(("_URI", "_KEY", "_PASSWORD")))}
    return [
        _unknown(name, read)
        for name in sorted(environment)
        if name.upper().startswith(prefix.upper())
        and name.upper() not in read
        and not _INJECTED.fullmatch(name.upper().removeprefix(prefix.upper()))
        and not environment[name].startswith(("tcp://", "udp://", "sctp://"))
    ]


def _unknown(name: str, read: Iterable[str]) -> str:
    nearest = difflib.get_close_matches(name.upper(), sorted(read), n=1, cutoff=0)
    return f"{name}: no such setting; the nearest is {nearest[0]} (docs/operations.md lists all)"


class ProcessSettings(BaseSettings):
    """What every process of the network needs: a database, an address to listen at, the issuers that it trusts."""

    # Otherwise the error of a wrong issuer quotes the whole environment with its passwords.
    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    environment: Literal["development", "production"] = "production"
    mongo_uri: SecretStr
    mongo_database: str
    issuers_file: Path
    """JSON list of the OIDC issuers and the institutions that each may speak for (docs/operations.md)."""
    http_host: str = "127.0.0.1"
    http_port: int
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"

    @classmethod
    def from_environment(cls) -> Self:
        """Exits where a variable is missing or wrong; the message names the variables and no value."""
        problems = unknown_variables(os.environ, prefix=cls._prefix(), known=cls.model_fields)
        try:
            settings = cls()
        except ValidationError as wrong:
            problems += [
                f"{cls._variable(error['loc'])}: {worded(error)}" for error in wrong.errors(include_input=False)
            ]
        else:
            if not problems:
                return settings
        raise SystemExit("cannot start: the environment is not as it should be\n  " + "\n  ".join(problems))

    @classmethod
    def _prefix(cls) -> str:
        return str(cls.model_config.get("env_prefix", ""))

    @classmethod
    def _variable(cls, loc: Sequence[int | str]) -> str:
        prefix = cls._prefix()
        return (prefix + "_".join(map(str, loc)) if loc else f"{prefix}ISSUERS_FILE").upper()

    @field_validator("mongo_uri")
    @classmethod
    def _names_a_server(cls, uri: SecretStr) -> SecretStr:
        if not uri.get_secret_value().startswith(("mongodb://", "mongodb+srv://")):
            raise ValueError("must begin with mongodb:// or mongodb+srv://")
        if not is_connection_string(uri.get_secret_value()):
            raise ValueError("is not a MongoDB connection string: encode user name and password, and check the options")
        return uri

    @field_validator("mongo_database")
    @classmethod
    def _is_a_database_name(cls, name: str) -> str:
        if not _DATABASE.fullmatch(name):
            raise ValueError("must be the name of a MongoDB database: 1 to 63 letters, digits, - and _")
        return name

    @field_validator("http_port")
    @classmethod
    def _is_a_port(cls, port: int) -> int:
        if not 1 <= port <= 65_535:  # noqa: PLR2004 -- as the error says
            raise ValueError("must be a port from 1 to 65535")
        return port

    @property
    def issuers(self) -> tuple[Issuer, ...]:
        return load_issuers(self.issuers_file)

    @model_validator(mode="after")
    def _issuers_are_fit(self) -> Self:
        try:
            issuers = self.issuers
        except OSError as wrong:
            raise ValueError(f"{self.issuers_file} cannot be read: {wrong.strerror}") from None
        except ValidationError as wrong:
            places = sorted(
                {".".join(map(str, error["loc"])) or "whole" for error in wrong.errors(include_input=False)}
            )
            raise ValueError(f"{self.issuers_file} is not a list of issuers: wrong at {', '.join(places)}") from None
        local = [issuer.issuer for issuer in issuers if issuer.is_local]
        if local and self.environment == "production":
            raise ValueError(
                f"{', '.join(local)}: a development issuer, or keys that do not come over https, is refused in "
                "production; register the institutions' own OIDC issuers, or set the environment to development"
            )
        return self


class ServiceSettings(ProcessSettings):
    """Each service sets its own prefix and database."""

    kafka_bootstrap: str
    """`host:port`, several with commas."""
    network_id: str = Field(default="", pattern=NETWORK_ID)
    """Prefix of topics, groups and clients where several networks share this Kafka; else empty."""
    topics_file: Path = Path(__file__).parent.parent / "deploy" / "topics.yaml"
    topics_size: str = Field(default="production", validate_default=True)
    """The size in the topics file: `native` for a single machine."""
    network_checked: bool = True
    """False only for tests in which many databases share one Kafka."""
    topics_checked: bool = True
    """False only for the embedded broker, which cannot describe its topics."""
    kafka_fetch_max_wait_ms: int = 250
    """How long a broker delays an empty fetch; the embedded broker delays every fetch that long."""
    shed_after_seconds: float = Field(default=120.0, gt=0)
    """Writes get 503 while a fact has been pending in the outbox for longer."""
    stalled_after_seconds: float = Field(default=60.0, gt=0)
    """`/health/live` fails while a consumer with lag makes no progress for longer."""

    cors_origins: str = ""
    """The origins whose scripts may call the API, like https://app.example.org, several with commas; empty: none."""

    @field_validator("cors_origins")
    @classmethod
    def _are_origins(cls, setting: str, info: ValidationInfo) -> str:
        origins_in(setting, is_production=info.data.get("environment") == "production")
        return setting

    @field_validator("kafka_bootstrap")
    @classmethod
    def _names_brokers(cls, bootstrap: str) -> str:
        if not bootstrap.strip(", "):
            raise ValueError("must name a broker: host:port, several with commas")
        return bootstrap

    @field_validator("topics_file")
    @classmethod
    def _is_a_file(cls, file: Path) -> Path:
        if not file.is_file():
            raise ValueError(f"{file} is not a file that can be read")
        return file

    @field_validator("topics_size")
    @classmethod
    def _is_a_size(cls, size: str, info: ValidationInfo) -> str:
        if "topics_file" in info.data:
            load_topics(info.data["topics_file"], size=size)  # raises ValueError, and names the sizes
        return size

    @property
    def allowed_origins(self) -> Sequence[str]:
        return origins_in(self.cors_origins, is_production=self.environment == "production")

    @property
    def kafka(self) -> str:
        """The address of brokers and network for `shared.kafka`."""
        return kafka.address(self.kafka_bootstrap, network=self.network_id)
