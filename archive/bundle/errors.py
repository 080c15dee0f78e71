"""What can be wrong with a bundle, told to an operator."""

from __future__ import annotations

from archive.errors import ArchiveError


class BundleError(ArchiveError):
    """A bundle cannot be written or read."""


class BundleDamagedError(BundleError):
    """A bundle is not what was exported: cut off, changed, or made by somebody else."""


class BundleTooNewError(BundleError):
    """A newer program has written the bundle."""


class BundleConflictError(BundleError):
    """The archive holds something else under the same name."""
