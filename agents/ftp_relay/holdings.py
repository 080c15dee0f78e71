"""What the relay's store holds, as far as the relay removes it: folders of its own, or a store over SFTP."""

from __future__ import annotations

import contextlib
import shutil
from datetime import datetime
from pathlib import Path
from typing import Protocol

from followup.names import CampaignName
from transfer.client import SftpStore
from transfer.local import remove_local_parts
from transfer.manifest import check_dataset


class Holdings(Protocol):
    """Removes from a store. Calls block; names are checked, and lead out of no telescope's directory."""

    def remove_dataset(self, campaign: CampaignName, dataset: str) -> None:
        """Remove a dataset; removing one that is not there does nothing.

        Raises
        ------
        OSError
            When it cannot be removed from this machine's disk.
        TransferError
            When the store cannot be reached, or refuses; or when `dataset` cannot name one.
        """
        ...

    def remove_parts(self, *, before: datetime) -> list[str]:
        """Remove what cut uploads left before that time; gives the names.

        Raises
        ------
        OSError, TransferError
            As `remove_dataset`.
        """
        ...

    def close(self) -> None:
        """Let go of what is held open."""
        ...


class LocalHoldings:
    """A store on this machine: the embedded server's.

    Parameters
    ----------
    root
        One directory per telescope.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def remove_dataset(self, campaign: CampaignName, dataset: str) -> None:
        """Remove a dataset, and its campaign's folder with the last one."""
        folder = self.root / campaign.telescope / str(campaign)
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(folder / check_dataset(dataset))
        with contextlib.suppress(FileNotFoundError):
            if not any(folder.iterdir()):
                folder.rmdir()

    def remove_parts(self, *, before: datetime) -> list[str]:
        """Remove what cut uploads left before that time."""
        return [str(path.relative_to(self.root)) for path in remove_local_parts(self.root, before=before)]

    def close(self) -> None:
        """Do nothing: nothing is held open."""


class RemoteHoldings:
    """A store of OpenSSH, by SFTP, under an account that may list and remove.

    Parameters
    ----------
    store
        Logged in as the relay: sees one directory per telescope.
    """

    def __init__(self, store: SftpStore) -> None:
        self.store = store

    def remove_dataset(self, campaign: CampaignName, dataset: str) -> None:
        """Remove a dataset, and its campaign's folder with the last one."""
        folder = f"{campaign.telescope}/{campaign}"
        self.store.remove_folder(f"{folder}/{check_dataset(dataset)}")
        self.store.remove_if_empty(folder)

    def remove_parts(self, *, before: datetime) -> list[str]:
        """Remove what cut uploads left before that time."""
        return self.store.remove_parts(before=before)

    def close(self) -> None:
        """End the connection."""
        self.store.close()
