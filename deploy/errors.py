"""What can go wrong with the servers and certificates that `deploy` looks after."""

from __future__ import annotations


class DeployError(Exception):
    """Base of this package's errors: `str()` is one line for the operator, `hint` what to do about it."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class ProgramMissingError(DeployError):
    """A server's program is not installed on this machine."""

    def __init__(self, program: str, package: str) -> None:
        super().__init__(
            f"the program {program} is not installed",
            hint=f"install it, on Debian and Ubuntu with: sudo apt-get install {package}",
        )
        self.program = program


class PortInUseError(DeployError):
    """Another process already listens where a server should."""

    def __init__(self, server: str, interface: str, port: int) -> None:
        super().__init__(
            f"{server} cannot listen on {interface} port {port}: another process already does",
            hint="end that process, or choose another port",
        )
        self.port = port


class ServerFailedError(DeployError):
    """A server started but does not do its work."""
