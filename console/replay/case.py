"""Whether a bundle can be a test case: looked at when it is made, not when somebody needs it."""

from __future__ import annotations

import tempfile
from pathlib import Path

from console.replay.errors import ReplayError
from console.replay.record import Recording
from console.replay.telescope.scene import recorded_scene
from followup.clock import WallClock
from followup.errors import FollowupError
from followup.strategy import load_strategies

_KEPT = "without --to-suite it is written all the same"


def check_case(bundle: Path) -> None:
    """Make sure that a bundle has all that a replay of it needs (blocking).

    Raises
    ------
    ReplayError
        When something is missing: what.
    BundleError
        When it is damaged.
    """
    with tempfile.TemporaryDirectory(prefix="followup-case-") as folder:
        recording = Recording.read(bundle, Path(folder))
        try:
            scene = recorded_scene(recording)(WallClock())
            load_strategies(scene.strategies, source=f"the strategies of {recording.name}")
            _ = recording.triggers
        except FollowupError as error:
            raise ReplayError(
                f"{recording.name} cannot be a test case: {error}", hint=error.hint or _KEPT
            ) from error
