"""INDI's simulators behind a server of ours."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import psutil
import pytest

from deploy.errors import DeployError, PortInUseError, ProgramMissingError
from deploy.indiserver import DRIVERS, IndiServer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.integration
async def test_it_starts_listens_and_ends_with_its_drivers(tmp_path: Path) -> None:
    server = IndiServer(tmp_path / "indi", port=free_port())
    await server.start()
    try:
        assert server.pid is not None
        drivers = psutil.Process(server.pid).children()
        assert len(drivers) == len(DRIVERS)
        # What drivers keep is kept here, not in the person's own folder.
        assert {driver.environ()["HOME"] for driver in drivers} == {str(tmp_path / "indi")}
        assert drivers[0].environ()["PATH"].startswith(str(server.programs))
        _, dome = DRIVERS["dome"]
        await server.tell(dome, "CONNECTION", {"CONNECT": "On"})
        with pytest.raises(DeployError, match="Dome Simulator does not take NOTHING"):
            await server.tell(dome, "NOTHING", {"LIKE_IT": 1})
        second = IndiServer(tmp_path / "second", port=server.port)
        with pytest.raises(PortInUseError):
            await second.start()
    finally:
        await server.stop()
    gone, alive = psutil.wait_procs(drivers, timeout=5)
    assert (len(gone), alive) == (len(DRIVERS), [])
    assert server.pid is None


async def test_without_indi_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(ProgramMissingError, match="the program indiserver is not installed") as missing:
        await IndiServer(tmp_path / "indi", port=7624).start()
    assert "apt-get install indi-bin" in missing.value.hint
