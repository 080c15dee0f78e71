"""The settings of a site: one file, ``site.toml`` in its folder, read once and passed inward.

Secrets are files beside it with mode 0600, named in it. Every key can be overridden by an environment
variable, e.g. ``FOLLOWUP_XMPP__PORT``.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, TypeVar

import tomlkit
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from console.device_settings import Detector, Drill, Focus, Indi, Place
from console.misread import misread, no_toml
from console.state import replace_file
from followup.clock import Clock, SkyClock, WallClock
from followup.errors import ConfigurationError
from followup.limits import Limits

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
    keep_parts_days: float = Field(default=7.0, ge=0)
    """How long what was downloaded of a dataset is kept when nobody goes on with it."""


class RelaySettings(_Site):
    """The relay."""

    sftp_host: str = "127.0.0.1"
    sftp_port: int
    sftp: Sftp | None = None
    """The relay's account at a store on OpenSSH; none for the embedded store, which is then not served."""
    keep_datasets_days: float = Field(default=14.0, ge=0)
    """How long a dataset is kept after the science centre's final receipt."""
    keep_parts_days: float = Field(default=7.0, ge=0)
    """How long the part of a file that a cut upload left is kept."""


class IndiTelescope(NamedTuple):
    """What the settings of a telescope over INDI must all say."""

    place: Place
    detector: Detector
    devices: Indi
    catalogue_file: Path | None


class TelescopeSettings(_Site):
    """A telescope."""

    name: str
    sftp: Sftp
    devices: Literal["simulated", "indi"] = "simulated"
    model: str = ""
    """Which known telescope the simulated devices imitate."""
    scenario_file: Path = Path("sky.json")
    """The simulated sky, unless `catalogue_file` names the stars of the real one."""
    strategies_file: Path | None = None
    """Observing strategies in TOML; none for the built-in ones."""
    keep_data_days: float | None = Field(default=None, ge=1)
    """How long a campaign's data are kept here when all is archived; none for as long as there is room."""
    keep_free_gb: float = Field(default=5.0, ge=0)
    """With less than this free, the oldest campaigns whose data are archived go."""
    acquisition_s: float = Field(default=0.0, ge=0, le=300)
    """Exposure that tells where the telescope looks after each slew, to correct it; 0 for none."""
    place: Place | None = None
    detector: Detector | None = None
    indi: Indi | None = None
    focus: Focus = Focus()
    drill: Drill = Drill()
    safety: Limits = Limits()
    catalogue_file: Path | None = None
    """With INDI devices: the reference stars; without it all that the telescope says is a drill."""

    def over_indi(self) -> IndiTelescope | None:
        """Give the telescope behind an INDI server; None for simulated devices."""
        if self.devices == "simulated" or not (self.place and self.detector and self.indi):
            return None
        return IndiTelescope(self.place, self.detector, self.indi, self.catalogue_file)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        """Refuse settings that lack what their devices need."""
        if self.devices == "simulated":
            if not self.model:
                raise ValueError('devices = "simulated" needs model, the telescope to imitate')
            return self
        missing = [name for name in ("place", "detector", "indi") if getattr(self, name) is None]
        if missing:
            raise ValueError(f'devices = "indi" needs the sections {", ".join(f"[{m}]" for m in missing)}')
        if self.indi and self.detector and (left := set(self.detector.zero_points) - set(self.indi.slots)):
            raise ValueError(f"[indi] slots names no slot for the filters {', '.join(sorted(left))}")
        if self.sky is not None and self.sky.rate != 1.0:
            raise ValueError(f"[sky] rate is {self.sky.rate:g}: INDI devices take real time, it must be 1")
        return self


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
        raise misread(path, kind, error) from error
    except ValueError as error:
        raise no_toml(path, error) from error
    return settings


def content(folder: Path) -> dict[str, Any]:
    """Give what ``site.toml`` in a site's folder says, as it stands there.

    Raises
    ------
    ConfigurationError
        When it is not TOML.
    """
    path = folder / SETTINGS
    try:
        return tomlkit.parse(path.read_text(encoding="utf-8")).unwrap()
    except ValueError as error:
        raise no_toml(path, error) from error


def write(folder: Path, content: dict[str, Any]) -> None:
    """Write ``site.toml`` into a new site's folder (mode 0700); the URL of an archive may hold a password."""
    replace_file(folder / SETTINGS, tomlkit.dumps(content), mode=0o600)


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
