import re
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.errors import DeployError
from deploy.prosody_config import ProsodyConfig


def config(**changes: object) -> ProsodyConfig:
    values: dict[str, object] = {
        "domain": "followup.example.org",
        "data": Path("/var/lib/prosody"),
        "certificate": Path("/etc/prosody/certs/followup.pem"),
        "key": Path("/etc/prosody/certs/followup.key"),
    }
    return ProsodyConfig(**{**values, **changes})  # type: ignore[arg-type]  # values of several types


def test_every_place_of_the_template_is_filled() -> None:
    text = config().render()
    assert not re.search(r"@[A-Z_]+@", text)
    for fact in (
        'VirtualHost "followup.example.org"',
        'Component "pubsub.followup.example.org" "pubsub"',
        'admins = { "csc-ftp@followup.example.org" }',
        "c2s_ports = { 5222 }",
        'interfaces = { "127.0.0.1" }',
        'data_path = "/var/lib/prosody"',
    ):
        assert fact in text


def test_only_an_embedded_server_of_root_runs_as_root() -> None:
    assert "run_as_root" not in config().render()
    assert "run_as_root = true" in config(as_root=True).render()


@pytest.mark.parametrize("path", ['/a "quoted"/path', "/back\\slash", "/line\nend", "/Beobachtungsplätze ü"])
def test_any_path_stays_one_string(path: str) -> None:
    lua = shutil.which("lua5.4")
    if lua is None:
        pytest.skip("no Lua to read it with")
    line = next(line for line in config(data=Path(path)).render().splitlines() if "data_path" in line)
    printed = subprocess.run(
        [lua, "-e", f"{line} io.write(data_path)"], capture_output=True, check=True, timeout=10
    )
    assert printed.stdout.decode() == path


@pytest.mark.parametrize("domain", ["", "Followup.test", "a b", "a..b", 'x"y', "-a.test", "a" * 64, "@DATA@"])
def test_what_is_no_domain_is_refused(domain: str) -> None:
    with pytest.raises(DeployError, match="is not a domain name"):
        config(domain=domain)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_what_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(DeployError, match="is not a port"):
        config(port=port)
