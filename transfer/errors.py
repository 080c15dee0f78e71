"""What can go wrong while files move between sites: worth trying again, or not."""

from __future__ import annotations

from typing import ClassVar

from followup.errors import FollowupError


class TransferError(FollowupError):
    """Base class of this package's errors.

    Attributes
    ----------
    retriable
        Whether the same call may succeed later without anybody doing anything. Nothing in this package
        tries again by itself: the caller knows the deadline and backs off.
    """

    retriable: ClassVar[bool] = False


class StoreUnreachableError(TransferError):
    """No connection to the store: nobody listens, the name does not resolve, or the login took too long."""

    retriable = True


class TransferInterruptedError(TransferError):
    """The connection was cut or went silent; what had arrived is kept and the next call resumes."""

    retriable = True


class AuthenticationRefusedError(TransferError):
    """The store does not accept this user with this key."""


class HostKeyMismatchError(TransferError):
    """The server showed another host key than the pinned one; nothing was sent to it."""


class StoreFullError(TransferError):
    """The store has no space (or quota) left for the file."""


class LocalDiskError(TransferError):
    """A local file could not be read or written."""


class StoreRefusedError(TransferError):
    """The store understood the request and would not do it: no such file, or no permission."""


class StoreForbidsError(StoreRefusedError):
    """The store does not let this user do this: its permissions are a person's to set right."""


class VerificationFailedError(TransferError):
    """A file is not what its manifest says.

    Attributes
    ----------
    path
        The file.
    expected, found
        SHA-256 in hexadecimal; when the sizes already differ, ``"N bytes"``.
    """

    def __init__(self, path: str, *, expected: str, found: str, hint: str = "") -> None:
        super().__init__(f"{path}: expected {expected}, found {found}", hint=hint)
        self.path = path
        self.expected = expected
        self.found = found


class ManifestError(TransferError):
    """A manifest cannot be read, or names something that no manifest may name."""
