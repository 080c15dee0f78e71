from __future__ import annotations

import re
from pathlib import Path

from tests.voevent.builders import EXAMPLES
from voevent import build, parse, read
from voevent.tree import MAX_DEPTH

PAGE = (Path(__file__).parents[2] / "docs" / "packets.md").read_text(encoding="utf-8")


def test_the_examples_of_the_page_are_made_by_the_code() -> None:
    shown = re.findall(r"```xml\n(.*?)```", PAGE, re.DOTALL)
    assert shown == [build(*example).raw.decode() for example in EXAMPLES.values()]
    for text in shown:
        read(parse(text.encode()))


def test_the_page_states_the_depth_in_force() -> None:
    assert f"deeper than {MAX_DEPTH} elements" in PAGE
