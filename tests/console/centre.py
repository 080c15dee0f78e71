"""A science centre on disk with an archive in it, for commands that read it while no agent runs."""

from __future__ import annotations

from pathlib import Path

from archive import Archive
from console import settings
from console.state import State, archive_files, archive_url
from tests.archive.conversation import JILIN, whole_conversation
from transfer.manifest import build_manifest

FILES = {"frames/t1-r-0001.fits": b"SIMPLE  =" * 1000, "log with space.txt": b"clear sky\n"}


def make_centre(root: Path) -> State:
    """Write the settings of a science centre that has followed one burst at two telescopes."""
    state = State(root)
    settings.write(
        state.csc, {"xmpp": {"host": "127.0.0.1", "domain": "x"}, "sftp": {"host": "127.0.0.1", "port": 1}}
    )
    spool = root / "spool"
    for name, content in FILES.items():
        (spool / name).parent.mkdir(parents=True, exist_ok=True)
        (spool / name).write_bytes(content)
    manifest = build_manifest(spool, FILES, campaign=JILIN, dataset="t1", attempt=1)
    with Archive.open(archive_url(state.csc, ""), archive_files(state.csc)) as archive:
        for delivery in whole_conversation():
            delivery.into(archive)
        archive.store_dataset(JILIN, manifest.to_bytes(), spool)
    return state
