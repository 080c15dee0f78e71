"""The archive's tables as SQLAlchemy models.

Each row about a packet's content is a function of that packet alone and is keyed by its digest, so the
tables come out the same whatever the order of ingest; what depends on several packets (outcomes, the
ledger) is worked out when it is read. The checks here forbid what no packet and no dataset can be.
"""

from archive.tables.base import Base
from archive.tables.campaigns import BurstRow, CampaignRow, DatasetRow, FileRow
from archive.tables.contents import (
    ClosingPacketRow,
    ClosingRow,
    DecisionRow,
    PhotometryRow,
    ReceiptRow,
    ResultRow,
    SedRow,
    StatusRow,
    TaskOutcomeRow,
    TaskRow,
    TriggerRow,
    UploadRow,
)
from archive.tables.packets import CitationRow, DeliveryRow, PacketRow

__all__ = [
    "Base",
    "BurstRow",
    "CampaignRow",
    "CitationRow",
    "ClosingPacketRow",
    "ClosingRow",
    "DatasetRow",
    "DecisionRow",
    "DeliveryRow",
    "FileRow",
    "PacketRow",
    "PhotometryRow",
    "ReceiptRow",
    "ResultRow",
    "SedRow",
    "StatusRow",
    "TaskOutcomeRow",
    "TaskRow",
    "TriggerRow",
    "UploadRow",
]
