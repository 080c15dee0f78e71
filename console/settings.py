"""The settings of a site: one file, ``site.toml`` in its folder, read once and passed inward.

Secrets are files beside it with mode 0600, named in it. Every key can be overridden by an environment
variable, e.g. ``FOLLOWUP_XMPP__PORT``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

import tomlkit
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from console.state import replace_file
from followup.clock import Clock, SkyClock, WallClock
from followup.errors import ConfigurationError

SETTINGS = "site.toml"
"""The file of a site's settings. In a folder without one, setting up was not finished."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Xmpp(_Section):
    """The account on the XMPP server. Paths are relative to the site's folder."""

    host: str
    port: int = 5222
    domain: str
    password_file: Path = Path("password")
    ca_file: Path = Path("ca.pem")


class Sftp(_Section):
    """The account at the relay's store."""

    host: str
    port: int
    key_file: Path = Path("id_ed25519")
    host_key_file: Path = Path("relay_host_key.pub")


class Prefect(_Section):
    """The Prefect server that shows this site's work; an empty URL means none."""

    api_url: str = ""


class Sky(_Section):
    """A sky clock that runs faster, for simulations only."""

    sky_epoch: datetime
    wall_epoch: datetime
    rate: float = Field(gt=0, le=10_000)


class _Site(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="FOLLOWUP_", env_nested_delimiter="__", extra="forbid", frozen=True
    )

    authority: str = "followup"
    xmpp: Xmpp
    prefect: Prefect = Prefect()
    sky: Sky | None = None

    def clock(self) -> Clock:
        """Return the sky clock: the wall's, unless a simulation says otherwise."""
        wall = WallClock()
        if self.sky is None:
            return wall
        return SkyClock(
            sky_epoch=self.sky.sky_epoch.astimezone(UTC),
            wall_epoch=self.sky.wall_epoch.astimezone(UTC),
            rate=self.sky.rate,
            wall=wall,
        )


class CscSettings(_Site):
    """The science centre."""

    sftp: Sftp
    archive_url: str = ""
    """SQLAlchemy URL; empty for a SQLite file in the site's folder."""


class RelaySettings(_Site):
    """The relay."""

    sftp_host: str = "127.0.0.1"
    sftp_port: int
    keep_datasets_days: float = Field(default=14.0, ge=0)
    """How long a dataset is kept after the science centre has archived it."""


class TelescopeSettings(_Site):
    """A telescope."""

    name: str
    sftp: Sftp
    devices: Literal["simulated"] = "simulated"
    model: str
    """Which known telescope the simulated devices imitate."""
    scenario_file: Path = Path("sky.json")
    strategies_file: Path | None = None
    """Observing strategies in TOML; none for the built-in ones."""


S = TypeVar("S", bound=_Site)


def read(kind: type[S], folder: Path) -> S:
    """Read a site's settings.

    Raises
    ------
    ConfigurationError
        When the file is missing, is not TOML, or says something that cannot be.
    """
    path = folder / SETTINGS
    if not path.is_file():
        raise ConfigurationError(
            f"{path} does not exist", hint="followup up makes the embedded site; is --state right?"
        )

    class FromFile(kind):  # type: ignore[valid-type, misc]  # pydantic-settings binds the file to the class
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,  # noqa: ARG003 - the signature is pydantic's
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
            file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return env_settings, TomlConfigSettingsSource(settings_cls, toml_file=path)

    try:
        settings: S = FromFile()
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"{path}: {where}: {first['msg']}", hint="mend that line") from error
    except ValueError as error:
        raise ConfigurationError(f"{path}: {error}", hint="mend the file: it must be TOML") from error
    return settings


def write(folder: Path, content: dict[str, Any]) -> None:
    """Write ``site.toml`` into a new site's folder (mode 0700)."""
    replace_file(folder / SETTINGS, tomlkit.dumps(content))


def secret(path: Path) -> str:
    """Read a secret file.

    Raises
    ------
    ConfigurationError
        When it is missing, or readable by others.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigurationError(
            f"{path}: {error.strerror}", hint="copy it from the enrolment, mode 0600"
        ) from error
    if mode & 0o077:
        raise ConfigurationError(f"{path} can be read by others", hint=f"chmod 600 {path}")
    return text
