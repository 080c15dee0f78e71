"""A site's login at the relay's store, from its settings."""

from __future__ import annotations

from pathlib import Path

from console import settings
from followup.errors import ConfigurationError
from transfer.session import check_keys
from transfer.settings import SftpSettings


def sftp_settings(folder: Path, user: str, config: settings.Sftp) -> SftpSettings:
    """Give the login of a site at the relay's store.

    Raises
    ------
    ConfigurationError
        When a key is missing or is none, or the site's own can be read by others.
    """
    key_file, host_key_file = folder / config.key_file, folder / config.host_key_file
    settings.secret(key_file)
    try:
        host_key = host_key_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigurationError(
            f"{host_key_file}: {error.strerror}", hint="copy it from the enrolment"
        ) from error
    login = SftpSettings(host=config.host, port=config.port, user=user, key_file=key_file, host_key=host_key)
    check_keys(login)
    return login
