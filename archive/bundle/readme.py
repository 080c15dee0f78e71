"""What a bundle says to somebody who has no program of ours."""

from __future__ import annotations

_TEXT = """\
One gamma-ray burst follow-up campaign: {campaign}
==================================================

This is a tar archive compressed with Zstandard (RFC 8878):

    tar --zstd -xf bundle.tar.zst        (GNU tar with zstd installed)

Everything in it is text, XML, JSON, CSV or FITS. Digests are SHA-256 in lower-case hexadecimal. Times are
UTC, ISO 8601. Magnitudes are AB, positions ICRS in degrees.

manifest.json     which files are in here, with sizes and SHA-256: check them before you believe anything.
                  "light": true means that frames and pictures were left out; "left_out" names them.
packets/          every packet of the conversation, byte for byte as its author wrote it (VOEvent 2.0, XML),
                  numbered in the order in which the science centre committed them. "Citations" and the Param
                  "cited_sha256" say what each answers; the Param "kind" says what it is.
deliveries.json   when the science centre sent or received each packet, and to or from whom ("time" is its
                  wall clock; the Date inside a packet is on its author's clock of the sky, which runs faster
                  in simulations).
ledger.json       each packet and what became of it: relayed, received, accepted, refused, expired.
campaign.json     the campaign in short: burst, telescope, outcome, trigger, position, counterpart, decay,
                  the plan's tasks and how each ended.
decisions.json    why the telescope planned so: rule by rule, with the values it looked at.
photometry.csv    the light curve, one measurement or upper limit a line.
sed.json          the spectral energy distribution, if there is one.
datasets/         the manifest of each dataset as its telescope wrote it: file names, sizes, digests.
files/DATASET/    the files of each dataset. raw/ has the frames as the camera gave them, reduced/ the
                  calibrated ones (FITS, tiles compressed without loss: "funpack", astropy and ds9 read
                  them), products/ pictures and tables, logs/ the telescope's records:
    journal.jsonl     everything the telescope's agent committed, in order
    agent.jsonl       its log
    decisions.json    as above
    devices.jsonl     what each device was told, when, how long it took, what failed; and the weather
    calibration.fits  the master bias, dark, bad-pixel map and flat fields
    catalogue.fits    the reference stars of the fields that were observed
    strategies.toml   the observing strategies in force
    site.json         the place, the detector and further settings
headers/DATASET/  in a light bundle: the FITS headers of the frames that were left out.

Which packet is the answer to which, without a program: open ledger.json, and look an IVORN up in
deliveries.json to find its file.
"""


def readme(campaign: str) -> bytes:
    """Give the README of a campaign's bundle."""
    return _TEXT.format(campaign=campaign).encode()
