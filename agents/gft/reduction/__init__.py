"""On-site reduction: from raw frames to a light curve, with photutils and astropy.

It knows the pixels and headers of frames, a catalogue of reference stars and the trigger, nothing else. It
sends nothing and schedules nothing.
"""

from agents.gft.reduction.calibration import Masters, build_masters, read_masters, write_masters
from agents.gft.reduction.errors import ReductionError, UnsolvedError
from agents.gft.reduction.field import FieldReduction
from agents.gft.reduction.frame import ReducedFrame
from agents.gft.reduction.image import SkyImage

__all__ = [
    "FieldReduction",
    "Masters",
    "ReducedFrame",
    "ReductionError",
    "SkyImage",
    "UnsolvedError",
    "build_masters",
    "read_masters",
    "write_masters",
]
