"""The headers of FITS files as text, read without their data.

References
----------
FITS Standard 4.0 (2018), section 3: blocks of 2880 bytes, cards of 80 characters, END.
"""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from archive.bundle.errors import BundleError

_BLOCK, _CARD = 2880, 80
_FRAMES = (".fits", ".fits.fz", ".fit", ".fits.gz")


def is_frame(name: str) -> bool:
    """Whether a file is FITS, by its name."""
    return name.endswith(_FRAMES)


def headers_of(path: Path) -> bytes:
    """Give the headers of all parts of a FITS file, one card a line, an empty line between parts.

    Raises
    ------
    BundleError
        When it cannot be read.
    """
    parts = []
    try:
        with path.open("rb") as file:
            while cards := _cards(file):
                parts.append("\n".join(cards))
                size = _data_bytes(cards)
                file.seek(size + -size % _BLOCK, 1)
    except (OSError, ValueError) as error:
        raise BundleError(f"{path} cannot be read as FITS: {error}", hint="leave --light away") from error
    return ("\n\n".join(parts) + "\n").encode()


def _cards(file: BinaryIO) -> list[str]:
    """Read the cards of the next header; none at the end of the file."""
    cards: list[str] = []
    while block := file.read(_BLOCK):
        text = block.decode("ascii")
        for start in range(0, len(text), _CARD):
            card = text[start : start + _CARD].rstrip()
            cards.append(card)
            if card == "END":
                return cards
    if cards:
        raise ValueError("a header without END")
    return cards


def _data_bytes(cards: list[str]) -> int:
    """Size of the data after a header: section 4.4.1 of the standard."""
    said = {}
    for card in cards:
        if card[8:10] == "= ":
            said[card[:8].strip()] = card[10:].split("/", 1)[0].strip()
    axes = int(said.get("NAXIS", "0"))
    elements = 1 if axes else 0
    for axis in range(1, axes + 1):
        elements *= int(said[f"NAXIS{axis}"])
    elements = int(said.get("GCOUNT", "1")) * (int(said.get("PCOUNT", "0")) + elements) if axes else 0
    return abs(int(said.get("BITPIX", "8"))) // 8 * elements
