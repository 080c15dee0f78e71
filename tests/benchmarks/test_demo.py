from typing import Any

from benchmarks.demo import Played, rows


def played(*measured: tuple[float, float | None], slew_s: float | None = 0.1) -> Played:
    """A demonstration with detections of 20 mag (limits where there is no error) and this much too faint."""
    photometry = [
        {"mag": 20.0 + off, "mag_err": err, "true_mag": 20.0, "limit": err is None} for off, err in measured
    ]
    latency = {"trigger_to_receipt": 0.05, "trigger_to_slew": slew_s}
    return Played(
        wall_s=80.0, peak_bytes=3 * 2**30, document={"photometry": photometry, "latency_s": latency}
    )


def by_name(found: list[dict[str, Any]], part: str) -> dict[str, Any]:
    return next(r for r in found if part in r["name"])


def test_wall_time_and_memory_are_held_against_their_goals() -> None:
    found = rows([played(), played()])
    assert by_name(found, "default demonstration")["ratio"] < 1.0
    assert by_name(found, "memory")["ratio"] == 1.5


def test_pulls_of_all_seeds_are_put_together_and_limits_left_out() -> None:
    found = rows([played((0.1, 0.1), (0.4, 0.1)), played((-0.2, 0.1), (0.0, None))])
    share = by_name(found, "within three")
    assert (share["value"], share["runs"]) == (66.7, 3)
    assert by_name(found, "largest")["value"] == 4.0
    assert by_name(found, "median")["value"] == 1.0


def test_a_demonstration_in_which_no_telescope_moved_has_no_delay_of_a_command() -> None:
    names = [r["name"] for r in rows([played(slew_s=None)])]
    assert not any("first command" in name for name in names)
    assert not any("pulls" in name for name in names)
