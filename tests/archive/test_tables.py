"""Bad states cannot be stored: the databases themselves refuse them, on both alike."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import insert, select, update

from archive import Archive, UnstorableError, database
from archive.tables import (
    Base,
    BurstRow,
    CampaignRow,
    CitationRow,
    ClosingPacketRow,
    ClosingRow,
    DatasetRow,
    DecisionRow,
    DeliveryRow,
    FileRow,
    PacketRow,
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
from tests.archive.conversation import JILIN, WALL

NAN = float("nan")


def refuse(archive: Archive, statement: Any) -> str:
    with pytest.raises(UnstorableError) as caught, database.writing(archive._engine) as connection:
        connection.execute(statement)
    return str(caught.value)


@pytest.mark.parametrize(
    ("table", "change"),
    [
        (PacketRow, {"sha256": "A" * 64}),
        (PacketRow, {"sha256": "a" * 63}),
        (PacketRow, {"ivorn": ""}),
        (PacketRow, {"raw": b""}),
        (PacketRow, {"role": "joke"}),
        (PacketRow, {"kind": "joke"}),
        (PacketRow, {"kind": None}),
        (PacketRow, {"author": None}),
        (PacketRow, {"sequence": None}),
        (PacketRow, {"sequence": -1}),
        (PacketRow, {"written": None}),
        (PacketRow, {"campaign": "nowhere.gft-x"}),
        (PacketRow, {"deadline_s": 0.0}),
        (CitationRow, {"cite": "joke"}),
        (CitationRow, {"cited_sha256": "?"}),
        (CitationRow, {"position": -1}),
        (DeliveryRow, {"direction": "lost"}),
        (DeliveryRow, {"peer": ""}),
        (DeliveryRow, {"time": None}),
        (BurstRow, {"name": ""}),
        (CampaignRow, {"telescope": "gft-else"}),
        (CampaignRow, {"burst": "unheard-of"}),
        (TriggerRow, {"action": "joke"}),
        (TriggerRow, {"revision": -1}),
        (TriggerRow, {"ra_deg": 360.0}),
        (TriggerRow, {"ra_deg": None}),
        (TriggerRow, {"dec_deg": -90.1}),
        (TriggerRow, {"error_radius_deg": -0.1}),
        (TriggerRow, {"ra_deg": None, "dec_deg": None, "error_radius_deg": None}),
        (TriggerRow, {"notice_sha256": ""}),
        (ReceiptRow, {"outcome": "perhaps"}),
        (ReceiptRow, {"cited_sha256": "x"}),
        (StatusRow, {"state": "joke"}),
        (TaskRow, {"task": ""}),
        (TaskRow, {"exposure_s": 0.0}),
        (TaskRow, {"exposures": 0}),
        (TaskRow, {"airmass": 0.5}),
        (ResultRow, {"product": "joke"}),
        (ResultRow, {"source_dec_deg": None}),
        (ResultRow, {"fit_index": 1.0, "fit_index_err": None, "fit_chi2": 1.0, "fit_dof": 1}),
        (ResultRow, {"epoch_s": float("inf")}),
        (PhotometryRow, {"mag": NAN}),
        (PhotometryRow, {"mag": 99.0}),
        (PhotometryRow, {"mag_err": 0.0}),
        (PhotometryRow, {"t_s": NAN}),
        (PhotometryRow, {"filter": ""}),
        (PhotometryRow, {"frames": 0}),
        (PhotometryRow, {"exposure_s": -1.0}),
        (PhotometryRow, {"limit_sigma": 0.0}),
        (PhotometryRow, {"is_limit": True, "mag_err": 0.1}),
        (PhotometryRow, {"is_limit": False, "mag_err": None}),
        (SedRow, {"wavelength_nm": 0.0}),
        (SedRow, {"flux_density_ujy": NAN}),
        (SedRow, {"flux_density_err_ujy": 0.0}),
        (UploadRow, {"dataset": ""}),
        (UploadRow, {"state": "joke"}),
        (UploadRow, {"attempt": 0}),
        (UploadRow, {"manifest_path": ""}),
        (UploadRow, {"manifest_bytes": 0}),
        (UploadRow, {"manifest_sha256": "x"}),
        (UploadRow, {"files": -1}),
        (ClosingRow, {"outcome": "joke"}),
        (ClosingPacketRow, {"listed_sha256": "x"}),
        (DecisionRow, {"rule": ""}),
        (TaskOutcomeRow, {"outcome": "joke"}),
        (TaskOutcomeRow, {"exposures": -1}),
    ],
    ids=lambda value: value.__tablename__ if isinstance(value, type) else str(value)[:60],
)
def test_no_row_can_be_changed_into_what_cannot_be(
    full: Archive, table: type[Base], change: dict[str, Any]
) -> None:
    with database.reading(full._engine) as connection:
        assert connection.execute(select(table)).first() is not None
    message = refuse(full, update(table).values(**change))
    assert "forbid" in message


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (CitationRow, {"packet": "0" * 64, "position": 0, "cited_ivorn": "ivo://x", "cite": "followup"}),
        (DeliveryRow, {"packet": "0" * 64, "direction": "sent", "peer": "csc", "time": WALL}),
        (CampaignRow, {"name": f"{JILIN}x", "burst": "sb26112201", "telescope": "jilinx"}),
        (CampaignRow, {"name": "sb26112201.jilin", "burst": "sb26112201", "telescope": "jilin"}),
        (CampaignRow, {"name": JILIN, "burst": "sb26112201", "telescope": "gft-jilin"}),
        (BurstRow, {"name": "sb26112201"}),
        (
            FileRow,
            {"campaign": JILIN, "dataset": "none", "name": "a", "size_bytes": 0, "sha256": "0" * 64},
        ),
        (
            DatasetRow,
            {
                "campaign": "no.gft-x",
                "dataset": "t1",
                "attempt": 1,
                "manifest": b"{}",
                "manifest_sha256": "0" * 64,
            },
        ),
    ],
)
def test_rows_belong_to_what_exists_and_are_there_once(
    full: Archive, table: type[Base], values: dict[str, Any]
) -> None:
    refuse(full, insert(table).values(**values))


@pytest.mark.parametrize("name", ["", "/etc/passwd", "..", "../up", "a/../../b", "a/.."])
def test_no_file_leads_out_of_the_store(archive: Archive, name: str) -> None:
    with database.writing(archive._engine) as connection:
        connection.execute(insert(BurstRow).values(name="sb26112201"))
        connection.execute(insert(CampaignRow).values(name=JILIN, burst="sb26112201", telescope="gft-jilin"))
        connection.execute(
            insert(DatasetRow).values(
                campaign=JILIN, dataset="t1", attempt=1, manifest=b"{}", manifest_sha256="0" * 64
            )
        )
    row = insert(FileRow).values(campaign=JILIN, dataset="t1", size_bytes=0, sha256="0" * 64)
    message = refuse(archive, row.values(name=name))
    assert "name_" in message
    with database.writing(archive._engine) as connection:
        connection.execute(row.values(name="a..b/c...fits"))
