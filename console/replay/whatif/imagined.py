"""From a record and what is supposed to the triggers and the scene that the agent is given."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from agents.gft.enclosures import DEVICES, SITE, STARS, STRATEGIES
from console.replay.conversation import Conversation, later
from console.replay.errors import ReplayError
from console.replay.record import Recording
from console.replay.telescope.scene import SceneOf
from console.replay.telescope.simulated import UNTIL, given_strategies, simulated_scene
from console.replay.whatif.frames import recorded_frames
from console.replay.whatif.light import last_trigger, recorded_burst
from console.replay.whatif.place import Observatory, given_observatory, recorded_observatory
from console.replay.whatif.stars import RecordedStars
from console.replay.whatif.supposition import Supposition
from console.replay.whatif.weather import Weather, given_weather, recorded_weather
from followup.catalogue import ReferenceCatalogue
from followup.site import Site
from followup.strategy import default_text
from simulators.sites import KnownTelescope
from simulators.sky import SimulatedCatalogue, SimulatedSky, StarField

_NEAR_DEG = 0.3
"""Sites that are so near to each other have the same weather."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Imagined:
    """What the agent is given.

    Attributes
    ----------
    conversation
        The triggers, and nothing else: the centre is idle, and accepts what comes.
    trigger_time
        Of the burst.
    remarks
        What the world it finds is made of, for people.
    """

    conversation: Conversation
    scene_of: SceneOf
    trigger_time: datetime
    remarks: tuple[str, ...]


def imagine(recording: Recording, supposed: Supposition) -> Imagined:
    """Make the triggers and the scene (blocking).

    Raises
    ------
    ConfigurationError
        When a file cannot be understood.
    ReplayError
        When the record does not have what is needed.
    """
    shift = supposed.shift or timedelta()
    strategies, what_strategies = _strategies(recording, supposed)
    there = _observatory(recording, supposed)
    triggers = later(recording.triggers, shift)
    burst, made_of = recorded_burst(recording, shift)
    weather, what_weather = _weather(recording, supposed, there.model.site)
    stars, catalogue, what_stars = _stars(recording, there.model)
    conversation = Conversation(name=recording.name, said=triggers)
    return Imagined(
        conversation=conversation,
        scene_of=simulated_scene(
            there,
            strategies=strategies,
            stars=stars,
            catalogue=catalogue,
            bursts=() if burst is None else (burst,),
            weather=weather,
            until=conversation.end + UNTIL,
            seed=zlib.crc32(str(recording.name).encode()),
        ),
        trigger_time=last_trigger(recording).trigger_time + shift,
        remarks=(made_of, what_stars, what_weather, *there.remarks, *what_strategies),
    )


def _strategies(recording: Recording, supposed: Supposition) -> tuple[str, tuple[str, ...]]:
    if supposed.strategy is not None:
        return given_strategies(supposed.strategy), ()
    if recording.encloses(STRATEGIES):
        return recording.strategies, ()
    return default_text(), ("the built-in strategies: the record encloses none",)


def _observatory(recording: Recording, supposed: Supposition) -> Observatory:
    if supposed.site is not None:
        return given_observatory(supposed.site, recording.name.telescope)
    if not recording.encloses(SITE):
        raise ReplayError(
            f"the record of {recording.name} does not enclose where the telescope stands",
            hint="name a site: --site FILE (its site.toml, or logs/site.json of another campaign)",
        )
    return recorded_observatory(recording, recorded_frames(recording))


def _weather(recording: Recording, supposed: Supposition, site: Site) -> tuple[Weather, str]:
    if supposed.weather is not None:
        trigger_time = last_trigger(recording).trigger_time + (supposed.shift or timedelta())
        return given_weather(supposed.weather, trigger_time), f"the weather of {supposed.weather.name}"
    if not (recording.encloses(SITE) and recording.encloses(DEVICES)):
        return Weather(), "good weather: none was recorded"
    then, _ = recording.place()
    away = math.hypot(
        then.latitude_deg - site.latitude_deg,
        math.remainder(then.longitude_deg - site.longitude_deg, 360.0)
        * math.cos(math.radians(site.latitude_deg)),
    )
    if away > _NEAR_DEG:
        return Weather(), "good weather: what it was there is not recorded"
    weather = recorded_weather(recording.devices())
    known = weather.changes
    if not known:
        return Weather(), "good weather: none was recorded"
    return weather, (
        f"the weather as recorded, {known[0]:%Y-%m-%d %H:%M} to {known[-1]:%H:%M} UTC; good before, and after"
        " as it was last"
    )


def _stars(recording: Recording, model: KnownTelescope) -> tuple[StarField, ReferenceCatalogue, str]:
    seed = zlib.crc32(recording.name.burst.encode())
    if not recording.encloses(STARS):
        sky = SimulatedSky(seed)
        return sky, SimulatedCatalogue(sky), "invented stars: the record holds none"
    stars = RecordedStars(recording.stars, seed)
    instrument, trigger = model.instrument, last_trigger(recording)
    field_deg = math.hypot(instrument.width_px, instrument.height_px) * instrument.pixel_scale_arcsec / 7200.0
    what = "the recorded reference stars"
    if trigger.position is not None and stars.reach_deg(trigger.position) < field_deg:
        what += ", which do not fill the field of view"
    return stars, stars, what
