"""The long fuzzing run: guided by coverage with atheris where that is installed, else with hypothesis.

``python -m tests.fuzz [--target packet] [--seconds 60] [--corpus FOLDER]``
"""

from __future__ import annotations

import argparse
import importlib.util
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

TARGETS = ("packet", "stanza", "arrival", "manifest")
_MAX_BYTES = 20_000


def main() -> int:
    """Run each target for some seconds; return 1 when one found a fault."""
    parser = argparse.ArgumentParser(prog="make fuzz ARGS=", description=__doc__)
    parser.add_argument("--target", choices=TARGETS, action="append", help="only this one (may be repeated)")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target")
    parser.add_argument("--corpus", type=Path, help="folder in which what was found worth keeping is kept")
    parser.add_argument("--guided", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.guided:
        _guided(given.guided, given.corpus, given.seconds)
    guided = importlib.util.find_spec("atheris") is not None
    print("guided by coverage (atheris)" if guided else "atheris is not installed: hypothesis alone")
    failed = []
    with tempfile.TemporaryDirectory(prefix="fuzz-") as scratch:
        for target in given.target or TARGETS:
            print(f"--- {target}, {given.seconds:g} s", flush=True)
            run = partial(_in_a_process, given.corpus or Path(scratch)) if guided else _unguided
            if not run(target, given.seconds):
                failed.append(target)
    print(f"faults found: {', '.join(failed)}" if failed else "no fault found")
    return 1 if failed else 0


def _in_a_process(corpus: Path, target: str, seconds: float) -> bool:
    """Run a target guided: the fuzzer ends its process, whatever it found."""
    from tests.fuzz.corpus import TOKENS, seeds  # noqa: PLC0415 - not before the fuzzer instruments imports

    folder = corpus / target
    folder.mkdir(parents=True, exist_ok=True)
    for number, raw in enumerate(seeds(target)):
        (folder / f"seed-{number:03}").write_bytes(raw)
    words = ("".join(f"\\x{byte:02x}" for byte in token) for token in TOKENS)
    (corpus / "tokens").write_text("".join(f'"{word}"\n' for word in words))
    ourselves = [sys.executable, "-m", "tests.fuzz", "--guided", target]
    command = [*ourselves, "--corpus", str(folder), "--seconds", str(seconds)]
    return subprocess.run(command, check=False).returncode == 0


def _guided(target: str, folder: Path, seconds: float) -> None:
    import atheris  # noqa: PLC0415 - optional

    with atheris.instrument_imports(include=["voevent", "messaging", "transfer"]):
        from tests.fuzz.targets import TARGETS as RUN  # noqa: PLC0415

    options = [
        f"-max_total_time={int(seconds)}",
        f"-max_len={_MAX_BYTES}",
        f"-dict={folder.parent}/tokens",
        f"-artifact_prefix={folder.parent}/{target}-fault-",
        "-timeout=10",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *options, str(folder)], RUN[target])
    atheris.Fuzz()


def _unguided(target: str, seconds: float) -> bool:
    from hypothesis import HealthCheck, Phase, given, settings  # noqa: PLC0415

    from tests.fuzz.mutation import mutated  # noqa: PLC0415
    from tests.fuzz.targets import TARGETS as RUN  # noqa: PLC0415

    tried = 0

    @settings(
        max_examples=500,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(mutated(target))
    def attempt(raw: bytes) -> None:
        nonlocal tried
        tried += 1
        RUN[target](raw)

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            attempt()
        except Exception as fault:  # noqa: BLE001 - whatever it is, it is what was looked for
            print(f"after {tried} examples: {fault!r}", *getattr(fault, "__notes__", ()), sep="\n")
            return False
    print(f"{tried} examples")
    return True


if __name__ == "__main__":
    sys.exit(main())
