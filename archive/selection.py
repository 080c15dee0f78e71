"""Which campaigns fit a question by burst, time, place, telescope and outcome."""

from __future__ import annotations

import math
from datetime import UTC, datetime

from sqlalchemy import Connection, func, select

from archive.records import CampaignRecord, Cone
from archive.tables import CampaignRow, DeliveryRow, PacketRow, TriggerRow
from voevent.kinds import Outcome
from voevent.packet import SkyPosition

_NEVER = datetime.max.replace(tzinfo=UTC)


def campaign_names(
    connection: Connection,
    *,
    burst: str | None,
    telescope: str | None,
    since: datetime | None,
    until: datetime | None,
    cone: Cone | None,
) -> list[str]:
    """Names of the campaigns that may fit, oldest first.

    Any trigger that fits lets a campaign pass; whether the one in force does is for `matches` to say.
    """
    wanted = (
        select(CampaignRow.name, func.min(DeliveryRow.time).label("opened"))
        .outerjoin(PacketRow, PacketRow.campaign == CampaignRow.name)
        .outerjoin(DeliveryRow, DeliveryRow.packet == PacketRow.sha256)
        .group_by(CampaignRow.name)
    )
    if burst is not None:
        wanted = wanted.where(CampaignRow.burst == burst)
    if telescope is not None:
        wanted = wanted.where(CampaignRow.telescope == telescope)
    triggers = select(PacketRow.campaign).join(TriggerRow, TriggerRow.packet == PacketRow.sha256)
    if since is not None:
        wanted = wanted.where(CampaignRow.name.in_(triggers.where(TriggerRow.trigger_time >= since)))
    if until is not None:
        wanted = wanted.where(CampaignRow.name.in_(triggers.where(TriggerRow.trigger_time < until)))
    if cone is not None:
        lowest, highest = cone.dec_deg - cone.radius_deg, cone.dec_deg + cone.radius_deg
        wanted = wanted.where(
            CampaignRow.name.in_(triggers.where(TriggerRow.dec_deg.between(lowest, highest)))
        )
    rows = connection.execute(wanted).all()
    # Sorted here: databases differ in how they sort text, and where nulls go.
    return [row.name for row in sorted(rows, key=lambda row: (row.opened or _NEVER, row.name))]


def matches(
    record: CampaignRecord,
    *,
    since: datetime | None,
    until: datetime | None,
    cone: Cone | None,
    outcome: Outcome | None,
) -> bool:
    """Whether a campaign fits all that is given."""
    time = record.trigger.trigger_time if record.trigger else None
    return (
        (since is None or (time is not None and time >= since))
        and (until is None or (time is not None and time < until))
        and (cone is None or (record.position is not None and _inside(record.position, cone)))
        and (outcome is None or record.outcome is outcome)
    )


def _inside(position: SkyPosition, cone: Cone) -> bool:
    # The haversine is exact at small separations, where the arc cosine of a dot product is not.
    ra, dec = math.radians(position.ra_deg), math.radians(position.dec_deg)
    centre_ra, centre_dec = math.radians(cone.ra_deg), math.radians(cone.dec_deg)
    haversine = (
        math.sin((dec - centre_dec) / 2) ** 2
        + math.cos(dec) * math.cos(centre_dec) * math.sin((ra - centre_ra) / 2) ** 2
    )
    return math.degrees(2 * math.asin(min(1.0, math.sqrt(haversine)))) <= cone.radius_deg
