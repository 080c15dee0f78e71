"""Files between sites over SFTP: manifests, and a client that resumes, verifies and keeps one connection.

Calls here block; agents run them in threads. What is said about a transfer (packets, receipts) and when
it is tried again is the agents' business.
"""

from transfer.client import SftpStore
from transfer.datasets import download_dataset, upload_dataset
from transfer.errors import (
    AuthenticationRefusedError,
    HostKeyMismatchError,
    LocalDiskError,
    ManifestError,
    StoreForbidsError,
    StoreFullError,
    StoreRefusedError,
    StoreUnreachableError,
    TransferError,
    TransferInterruptedError,
    VerificationFailedError,
)
from transfer.manifest import Manifest, ManifestEntry, build_manifest
from transfer.settings import Progress, SftpSettings

__all__ = [
    "AuthenticationRefusedError",
    "HostKeyMismatchError",
    "LocalDiskError",
    "Manifest",
    "ManifestEntry",
    "ManifestError",
    "Progress",
    "SftpSettings",
    "SftpStore",
    "StoreForbidsError",
    "StoreFullError",
    "StoreRefusedError",
    "StoreUnreachableError",
    "TransferError",
    "TransferInterruptedError",
    "VerificationFailedError",
    "build_manifest",
    "download_dataset",
    "upload_dataset",
]
