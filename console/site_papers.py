"""What lies in a telescope's folder besides its settings: strategies, calibration frames."""

from __future__ import annotations

from pathlib import Path

from followup.errors import ConfigurationError
from followup.strategy import default_text

CALIBRATION = "calibration.fits"
"""Master calibration frames; without them the agent takes new ones."""


def strategies_text(folder: Path, file: Path | None) -> tuple[str, str]:
    """Give the text of the strategies in force, and where it is from.

    Raises
    ------
    ConfigurationError
        When the file that the settings name cannot be read.
    """
    if file is None:
        return default_text(), "default.toml"
    path = folder / file
    try:
        return path.read_text(encoding="utf-8"), str(path)
    except OSError as error:
        raise ConfigurationError(
            f"{path}: {error.strerror}", hint="strategies_file in site.toml names it"
        ) from error
