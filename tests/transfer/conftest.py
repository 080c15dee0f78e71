from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.transfer.sites import Site, embedded_site, sshd_site


@pytest.fixture(scope="module", params=["embedded", "sshd"])
def running_site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp(request.param)
    with (embedded_site if request.param == "embedded" else sshd_site)(folder) as site:
        for user in ("csc", "gft-a"):
            site.raw(user)  # these sessions last as long as the site
        yield site
        site.close()


@pytest.fixture
def site(running_site: Site) -> Iterator[Site]:
    """A running store of either kind; the clients that a test made are closed after it."""
    yield running_site
    running_site.close_stores()
