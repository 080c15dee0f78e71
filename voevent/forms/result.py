"""The form of a result: a light curve or an SED as a Table, the counterpart's position in WhereWhen."""

from __future__ import annotations

from voevent.errors import InvalidError
from voevent.forms.body import Body, Value, param, params, prose, table, unknown_radius
from voevent.forms.record import Record, group_record, position_of, rows, top_record
from voevent.kinds import PhotometryPoint, PowerLaw, Product, Result, SedPoint
from voevent.packet import Field, Group, Packet
from voevent.wording import one_line

LIGHT_CURVE = (
    Field(name="task", ucd="meta.id"),
    Field(name="t", unit="s", ucd="time.interval", data_type="float", description="mid-exposure since T0"),
    Field(name="exposure", unit="s", ucd="time.duration;obs.exposure", data_type="float"),
    Field(name="filter", ucd="meta.id;instr.filter"),
    Field(name="mag", unit="mag", ucd="phot.mag", data_type="float", description="AB; the limit if limit"),
    Field(name="mag_err", unit="mag", ucd="stat.error;phot.mag", data_type="float"),
    Field(name="limit", ucd="meta.code.qual", description="true for an upper limit"),
    Field(name="limit_sigma", ucd="stat.snr", data_type="float"),
    Field(name="frames", ucd="meta.number;obs", data_type="int", description="frames stacked"),
)
"""Columns of a light curve."""

SED = (
    Field(name="filter", ucd="meta.id;instr.filter"),
    Field(name="wavelength", unit="nm", ucd="em.wl.effective", data_type="float"),
    Field(name="flux_density", unit="uJy", ucd="phot.flux.density", data_type="float"),
    Field(name="flux_density_err", unit="uJy", ucd="stat.error;phot.flux.density", data_type="float"),
)
"""Columns of a spectral energy distribution."""

_FIT = "power_law"
_POINTS = "light_curve"
_SED = "sed"


def write(result: Result) -> Body:
    """Lay a result out."""
    return Body(
        params=params(
            param("product", result.product, ucd="meta.code.class"),
            param("task", result.task, ucd="meta.id"),
            param("epoch", _number(result.epoch_s), unit="s", ucd="time.epoch"),
            prose("comment", result.comment),
            unknown_radius(result.source),
        ),
        groups=_fit_group(result.fit),
        tables=table(_POINTS, LIGHT_CURVE, map(_point_row, result.points), param("mag_system", "AB"))
        + table(_SED, SED, map(_sed_row, result.sed)),
        position=result.source,
    )


def read(packet: Packet) -> Result:
    """Read a result back."""
    record = top_record(packet)
    return Result(
        product=record.member("product", Product),
        task=record.optional("task"),
        points=tuple(map(_read_point, rows(packet, _POINTS))),
        sed=tuple(map(_read_sed, rows(packet, _SED))),
        epoch_s=record.optional_number("epoch"),
        source=position_of(packet),
        fit=_read_fit(group_record(packet, _FIT)),
        comment=record.optional("comment"),
    )


def _point_row(point: PhotometryPoint) -> tuple[Value, ...]:
    return (
        point.task,
        float(point.t_s),
        float(point.exposure_s),
        point.filter,
        float(point.mag),
        _number(point.mag_err),
        bool(point.limit),
        float(point.limit_sigma),
        int(point.frames),
    )


def _read_point(row: Record) -> PhotometryPoint:
    point = PhotometryPoint(
        task=row.optional("task"),
        t_s=row.number("t"),
        exposure_s=row.number("exposure"),
        filter=row.text("filter"),
        mag=row.number("mag"),
        mag_err=row.optional_number("mag_err"),
        limit=row.flag("limit"),
        limit_sigma=row.number("limit_sigma"),
        frames=row.integer("frames"),
    )
    if point.limit == (point.mag_err is not None):
        wrong = (
            "an upper limit has a magnitude error" if point.limit else "a detection has no magnitude error"
        )
        raise InvalidError(f"light_curve: {wrong} (at {point.t_s} s in {one_line(point.filter, 40)})")
    return point


def _sed_row(point: SedPoint) -> tuple[Value, ...]:
    return (
        point.filter,
        float(point.wavelength_nm),
        float(point.flux_density_ujy),
        float(point.flux_density_err_ujy),
    )


def _read_sed(row: Record) -> SedPoint:
    return SedPoint(
        filter=row.text("filter"),
        wavelength_nm=row.number("wavelength"),
        flux_density_ujy=row.number("flux_density"),
        flux_density_err_ujy=row.number("flux_density_err"),
    )


def _fit_group(fit: PowerLaw | None) -> tuple[Group, ...]:
    if fit is None:
        return ()
    said = (
        param("index", float(fit.index), ucd="spect.index"),
        param("index_err", float(fit.index_err), ucd="stat.error;spect.index"),
        param("chi2", float(fit.chi2), ucd="stat.fit.chi2"),
        param("dof", int(fit.dof), ucd="stat.fit.dof"),
    )
    return (Group(name=_FIT, params=said),)


def _read_fit(record: Record | None) -> PowerLaw | None:
    if record is None:
        return None
    return PowerLaw(
        index=record.number("index"),
        index_err=record.number("index_err"),
        chi2=record.number("chi2"),
        dof=record.integer("dof"),
    )


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)
