"""Headers and contents to build packets from: fixed ones by name, any ones by hypothesis."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import strategies as st

from voevent.build import build
from voevent.kinds import (
    Cited,
    Closing,
    Content,
    Decided,
    Header,
    ManifestRef,
    Outcome,
    PhotometryPoint,
    PlannedTask,
    PowerLaw,
    Product,
    Receipt,
    ReceiptOutcome,
    Result,
    SedPoint,
    Status,
    StatusState,
    TaskOutcome,
    TaskSummary,
    Trigger,
    TriggerAction,
    Upload,
    UploadState,
)
from voevent.packet import CiteKind, PacketId, SkyPosition

SHARED = Path(__file__).parents[2].parent / "shared" / "packets"
T0 = datetime(2026, 11, 22, 1, 0, 3, 123456, tzinfo=UTC)
NOTICE = PacketId(ivorn="ivo://org.svom/fsc#sb26112201_eclairs-wakeup", sha256="ab" * 32)


def shared_packets() -> Iterator[Path]:
    """Real packets, when this machine has them."""
    yield from sorted(SHARED.glob("**/*.xml"))


def real_packet(name: str) -> bytes:
    """One of them, or skip."""
    path = SHARED / name
    if not path.exists():
        pytest.skip("the folder of real packets is not here")
    return path.read_bytes()


def make_header(author: str = "gft-jilin", *, sequence: int = 3, **changed: object) -> Header:
    said: dict[str, object] = {
        "authority": "followup",
        "author": author,
        "campaign": "sb26112201.gft-jilin",
        "sequence": sequence,
        "date": T0,
        "drill": True,
        "cites": (),
        "deadline_s": None,
    }
    return Header(**(said | changed))  # type: ignore[arg-type]  # as the tests name them


def make_trigger(**changed: object) -> Trigger:
    said: dict[str, object] = {
        "burst": "sb26112201",
        "telescope": "gft-jilin",
        "action": TriggerAction.OBSERVE,
        "revision": 0,
        "trigger_time": T0,
        "position": SkyPosition(ra_deg=189.9811, dec_deg=-17.7676, error_radius_deg=0.0535),
        "instrument": "ECLAIRs",
        "notice": NOTICE,
        "features": {"SNR": "30.71", "Packet_Type": "202"},
    }
    return Trigger(**(said | changed))  # type: ignore[arg-type]  # as the tests name them


def make_point(**changed: object) -> PhotometryPoint:
    said: dict[str, object] = {
        "task": "t1",
        "t_s": 412.5,
        "exposure_s": 30.0,
        "filter": "r",
        "mag": 18.32,
        "mag_err": 0.03,
        "limit": False,
    }
    return PhotometryPoint(**(said | changed))  # type: ignore[arg-type]  # as the tests name them


TRIGGER_ID = build(make_header("csc", sequence=1, deadline_s=86400.0), make_trigger()).id

EXAMPLES: dict[str, tuple[Header, Content]] = {
    "trigger": (
        make_header("csc", sequence=1, cites=(Cited(id=NOTICE),), deadline_s=86400.0),
        make_trigger(),
    ),
    "retraction": (
        make_header(
            "csc", sequence=2, cites=(Cited(id=NOTICE), Cited(id=TRIGGER_ID, cite=CiteKind.RETRACTION))
        ),
        make_trigger(action=TriggerAction.RETRACT, revision=1, position=None, reason="not a burst"),
    ),
    "light curve": (
        make_header(cites=(Cited(id=TRIGGER_ID),)),
        Result(
            product=Product.LIGHT_CURVE,
            task="t1",
            points=(make_point(), make_point(t_s=3600.0, filter="g", mag=21.5, mag_err=None, limit=True)),
            source=SkyPosition(ra_deg=189.98, dec_deg=-17.76, error_radius_deg=0.0001),
            fit=PowerLaw(index=0.91, index_err=0.04, chi2=3.2, dof=4),
        ),
    ),
    "sed": (
        make_header(cites=(Cited(id=TRIGGER_ID),)),
        Result(
            product=Product.SED,
            task="t2",
            sed=(SedPoint(filter="g", wavelength_nm=477.0, flux_density_ujy=88.1, flux_density_err_ujy=2.0),),
            epoch_s=900.0,
        ),
    ),
    "upload": (
        make_header(cites=(Cited(id=TRIGGER_ID),)),
        Upload(
            dataset="t1",
            state=UploadState.COMPLETED,
            manifest=ManifestRef(
                path="sb26112201.gft-jilin/t1/manifest-1.json",
                size_bytes=2048,
                sha256="ef" * 32,
                files=12,
                total_bytes=25_000_000,
            ),
            task="t1",
        ),
    ),
    "status": (
        make_header(cites=(Cited(id=TRIGGER_ID),), deadline_s=3600.0),
        Status(
            state=StatusState.PLAN,
            text="three epochs tonight",
            tasks=(
                PlannedTask(task="t1", start=T0, filters=("g", "r"), exposure_s=30.0, count=4, airmass=1.3),
            ),
            details={"strategy": "eclairs"},
        ),
    ),
    "closing": (
        make_header(cites=(Cited(id=TRIGGER_ID),)),
        Closing(
            outcome=Outcome.COMPLETED,
            summary="counterpart found",
            tasks=(TaskSummary(task="t1", outcome=TaskOutcome.DONE, exposures=8),),
            packets=(TRIGGER_ID,),
            details={"first_command_at": "2026-11-22T01:00:05Z"},
            decisions=(
                Decided(
                    time=T0,
                    rule="small-error-circle",
                    text="error_radius_deg = 0.03: strategy localised",
                    values={"error_radius_deg": "0.03"},
                ),
            ),
        ),
    ),
    "receipt": (
        make_header(cites=(Cited(id=TRIGGER_ID),)),
        Receipt(
            cited=TRIGGER_ID,
            outcome=ReceiptOutcome.ACCEPTED,
            details={"first_epoch": "2026-11-22T01:05:00Z"},
        ),
    ),
}
"""One packet of each kind, and the two forms of some."""

# What XML can carry, white space and characters outside the BMP included.
_characters = st.characters(
    codec="utf-8",
    exclude_characters="".join(map(chr, range(32))).translate({9: None, 10: None, 13: None}) + "\ufffe\uffff",
)
texts = st.text(_characters, max_size=20)
names = st.text(_characters, min_size=1, max_size=12)
datasets = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,10}[A-Za-z0-9])?", fullmatch=True)
words = st.text("ABCgriz0_.'-", min_size=1, max_size=4)
digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
numbers = st.floats(allow_nan=False, allow_infinity=False)
counts = st.integers(0, 2**63 - 1)
moments = st.datetimes(
    min_value=datetime(1950, 1, 1),  # noqa: DTZ001  # hypothesis wants its bounds naive
    max_value=datetime(2999, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
bursts = st.text("abzAZ019", min_size=1, max_size=12) | st.sampled_from(["sb26112201", "swift-1_2"])
telescopes = st.text("az09", min_size=1, max_size=8).map("gft-{}".format) | st.just("gft-a-b")
details = st.dictionaries(texts, texts, max_size=4)
packet_ids = st.builds(
    PacketId,
    ivorn=st.text("azAZ09/#?%&<>\"'._-", min_size=1, max_size=20).map("ivo://a.b/{}".format),
    sha256=digests,
)
positions = st.builds(
    SkyPosition,
    ra_deg=st.floats(0, 360, exclude_max=True),
    dec_deg=st.floats(-90, 90),
    error_radius_deg=st.none() | st.floats(0, 180),
)
power_laws = st.builds(PowerLaw, index=numbers, index_err=numbers, chi2=numbers, dof=counts)
_detections = st.builds(
    PhotometryPoint,
    task=texts,
    t_s=numbers,
    exposure_s=numbers,
    filter=names,
    mag=numbers,
    mag_err=numbers,
    limit=st.just(value=False),
    limit_sigma=numbers,
    frames=counts,
)
_limits = st.builds(
    PhotometryPoint,
    task=texts,
    t_s=numbers,
    exposure_s=numbers,
    filter=names,
    mag=numbers,
    mag_err=st.none(),
    limit=st.just(value=True),
    limit_sigma=numbers,
    frames=counts,
)


def lists(of: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(of, max_size=4).map(tuple)


def contents(campaign: tuple[str, str]) -> st.SearchStrategy[Content]:
    """Any content of any kind, in the campaign of this burst and telescope."""
    burst, telescope = campaign
    triggers = st.builds(
        Trigger,
        burst=st.just(burst),
        telescope=st.just(telescope),
        action=st.sampled_from(TriggerAction),
        revision=counts,
        trigger_time=moments,
        position=positions,
        instrument=texts,
        notice=packet_ids,
        features=details,
        reason=texts,
    )
    results = st.builds(
        Result,
        product=st.sampled_from(Product),
        task=texts,
        points=lists(_detections | _limits),
        sed=lists(
            st.builds(
                SedPoint,
                filter=names,
                wavelength_nm=numbers,
                flux_density_ujy=numbers,
                flux_density_err_ujy=numbers,
            )
        ),
        epoch_s=st.none() | numbers,
        source=st.none() | positions,
        fit=st.none() | power_laws,
        comment=texts,
    )
    uploads = st.builds(
        Upload,
        dataset=datasets,
        state=st.sampled_from(UploadState),
        manifest=st.builds(
            ManifestRef, path=names, size_bytes=counts, sha256=digests, files=counts, total_bytes=counts
        ),
        attempt=st.integers(1, 1000),
        task=texts,
    )
    statuses = st.builds(
        Status,
        state=st.sampled_from(StatusState),
        text=texts,
        tasks=lists(
            st.builds(
                PlannedTask,
                task=names,
                start=moments,
                filters=lists(words),
                exposure_s=numbers,
                count=counts,
                airmass=st.none() | numbers,
            )
        ),
        details=details,
    )
    closings = st.builds(
        Closing,
        outcome=st.sampled_from(Outcome),
        summary=texts,
        tasks=lists(
            st.builds(
                TaskSummary,
                task=names,
                outcome=st.sampled_from(TaskOutcome),
                exposures=counts,
                reason=texts,
            )
        ),
        packets=lists(packet_ids),
        details=details,
        decisions=lists(st.builds(Decided, time=moments, rule=names, text=texts, values=details)),
    )
    receipts = st.builds(
        Receipt, cited=packet_ids, outcome=st.sampled_from(ReceiptOutcome), reason=texts, details=details
    )
    return st.one_of(triggers, results, uploads, statuses, closings, receipts)


@st.composite
def packets(draw: st.DrawFn) -> tuple[Header, Content]:
    """Any header with any content that belongs to it."""
    campaign = (draw(bursts), draw(telescopes))
    header = Header(
        authority=draw(st.sampled_from(["followup", "org.example", "A-1"])),
        author=draw(st.sampled_from(["csc", "csc-ftp", "gft-jilin"])),
        campaign=".".join(campaign),
        sequence=draw(counts),
        date=draw(moments),
        drill=draw(st.booleans()),
        cites=tuple(
            draw(
                st.lists(
                    st.builds(Cited, id=packet_ids, cite=st.sampled_from(CiteKind)),
                    max_size=3,
                    unique_by=lambda c: c.id,
                )
            )
        ),
        deadline_s=draw(st.none() | st.floats(1e-3, 1e9)),
    )
    return header, draw(contents(campaign))
