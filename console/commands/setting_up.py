"""``followup gft init``: a telescope's folder, settings and keys, on its own computer."""

from __future__ import annotations

import asyncio
import sys
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from console import log, settings, site_file
from console.commands.options import JsonOption, StateOption, command, print_json, state_of
from console.enrolment import take_in
from console.errors import explained
from console.misread import misread
from console.screen import say
from console.settings import SETTINGS, TelescopeSettings
from console.site_file import Value
from console.site_key import PUBLIC_KEY, fingerprint, own_key
from console.state import State, replace_file
from followup.errors import ConfigurationError
from followup.names import check_telescope

_STRATEGIES = "strategies.toml"
_INDI_PORT = 7624
_ROLES = ("mount", "camera", "filter_wheel", "focuser", "dome", "weather")
_QUESTIONS = {
    "place.name": "Name of the place",
    "place.latitude_deg": "Latitude (degrees, north positive)",
    "place.longitude_deg": "Longitude (degrees, east positive)",
    "place.elevation_m": "Elevation (m)",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("init")(gft_init)


def gft_init(
    name: Annotated[str, typer.Argument(help="The telescope, gft-NAME.")],
    state: StateOption,
    *,
    indi: Annotated[
        str, typer.Option(metavar="HOST[:PORT]", help="INDI server whose devices are to be filled in.")
    ] = "",
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="A setting, e.g. place.latitude_deg=43.82 (may be repeated)."
        ),
    ] = None,
    enrolment: Annotated[
        Path | None, typer.Option(help="The folder that the science centre has sent back; taken in.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Set a telescope up on its own computer: settings to fill in, a key pair, a copy of the strategies.

    Give it again for every further step: what is there stays, only what is missing is made. The private key
    never leaves this computer; its public half goes to the science centre, which sends back an enrolment.

    - `followup gft init gft-jilin --indi localhost`: the devices' names are filled in
    - `followup gft init gft-jilin --set place.name=Jilin --set detector.zero_points.r=24.5`
    - `followup gft init gft-jilin --enrolment gft-jilin/`: the accounts, and where the servers are
    """
    with explained():
        log.silence()
        where = state_of(state)
        folder = _folder(where, name)
        wanted = dict(map(site_file.parsed, assignments or ()))
        devices = _devices(indi) if indi else {}
        path = folder / SETTINGS
        new = not path.is_file()
        if new:
            text = site_file.filled(site_file.template(), {"name": name})
            wanted |= {} if as_json or wanted else _asked()
        else:
            settings.content(folder)  # says so when it is not TOML
            text = path.read_text(encoding="utf-8")
        text = _with(text, wanted, path)
        text, found = _with_devices(text, indi, devices)
        public = own_key(folder)
        changed = text
        if enrolment is not None:
            given = _flat(take_in(enrolment, folder))
            changed = site_file.filled(text, given)
        written = new or changed != path.read_text(encoding="utf-8")
        if written:
            replace_file(path, changed, mode=0o600)
        if not (folder / _STRATEGIES).exists():
            replace_file(folder / _STRATEGIES, _default_strategies())
        enrolled = (folder / "password").is_file()
        document = {
            "folder": str(folder),
            "written": written,
            "devices": devices,
            "kept": found,
            "public_key": public,
            "fingerprint": fingerprint(public),
            "enrolled": enrolled,
            "wrong": _wrong(folder, enrolled=enrolled),
        }
        if as_json:
            print_json(document)
        else:
            _tell(where, name, document)


def _tell(where: State, name: str, said: dict[str, Any]) -> None:
    folder = Path(said["folder"])
    done = "written" if said["written"] else "stays as it is"
    say(f"{folder / SETTINGS}: {done}; {_STRATEGIES} lies beside it")
    for role, names in said["devices"].items():
        others = f" (also possible: {', '.join(names[1:])})" if names[1:] else ""
        kept = f"; the file says {said['kept'][role]!r}, which stays" if role in said["kept"] else ""
        say(f"  {role:<13}{names[0]}{others}{kept}")
    if not said["enrolled"]:
        say(
            f"\nSend this file to the science centre: {folder / PUBLIC_KEY}\n"
            f"  {said['public_key']}\n"
            f"  fingerprint {said['fingerprint']}\n"
            f"There it is let in with: followup csc admit {name} --key {PUBLIC_KEY}\n"
            f"They send back a folder {name}/ (enrolment.toml, password, ca.pem, relay_host_key.pub, "
            f"{PUBLIC_KEY}); take it in, and remove the copy:\n"
            f"  {command(where, f'gft init {name} --enrolment {name}/')}"
        )
    if said["wrong"]:
        say(f"\nTo be filled in or mended: {said['wrong']}")
    say(f"\nThen see whether all is well: {command(where, f'gft check {name}')}")


def _folder(where: State, name: str) -> Path:
    try:
        return where.telescope(check_telescope(name))
    except ValueError as error:
        raise ConfigurationError(str(error), hint="choose a name; the science centre admits it") from error


def _devices(indi: str) -> dict[str, list[str]]:
    """Find the devices of a server: by what they can be, the likeliest first."""
    # Who has no INDI telescope does not load its library.
    from agents.gft.indi.finding import candidates, find_devices  # noqa: PLC0415

    host, port = _address(indi)
    found = asyncio.run(find_devices(host, port))
    return {role: names for role in _ROLES if (names := candidates(role, found))}


def _address(indi: str) -> tuple[str, int]:
    host, colon, port = indi.rpartition(":")
    if not colon:
        return indi, _INDI_PORT
    if not port.isdecimal() or not host:
        raise ConfigurationError(f"{indi!r} is no address", hint="say it as localhost:7624")
    return host, int(port)


def _asked() -> dict[str, Value]:
    """Ask a person for what nobody can guess; what is left empty is left out."""
    if not sys.stdin.isatty():
        return {}
    say("Enter leaves a question open: it can be answered in site.toml later.")
    answers = {
        key: typer.prompt(question, default="", show_default=False) for key, question in _QUESTIONS.items()
    }
    return dict(site_file.parsed(f"{key}={answer}") for key, answer in answers.items() if answer.strip())


def _with(text: str, wanted: dict[str, Value], path: Path) -> str:
    """Fill in what was asked for; what the file says already is a person's business."""
    there = site_file.in_force(text)
    for key, value in wanted.items():
        if key in there and there[key] != value and key != "name":
            raise ConfigurationError(
                f"{path} says {key} = {there[key]!r} already",
                hint="nothing that stands there is overwritten: edit the file",
            )
    return site_file.filled(text, wanted)


def _with_devices(text: str, indi: str, devices: dict[str, list[str]]) -> tuple[str, dict[str, Value]]:
    """Fill in the devices found; return also what the file names instead, and keeps."""
    if not indi:
        return text, {}
    host, port = _address(indi)
    there = site_file.in_force(text)
    best = {f"indi.{role}": names[0] for role, names in devices.items()}
    kept = {
        key.removeprefix("indi."): there[key] for key, name in best.items() if there.get(key, name) != name
    }
    fill: dict[str, Value] = {key: name for key, name in best.items() if key not in there}
    # Where the server is was asked for in so many words.
    return site_file.filled(text, {**fill, "indi.host": host, "indi.port": port}), kept


def _flat(given: dict[str, Any]) -> dict[str, Value]:
    flat: dict[str, Value] = {}
    for key, value in given.items():
        flat |= (
            {f"{key}.{inner}": one for inner, one in value.items()}
            if isinstance(value, dict)
            else {key: value}
        )
    return flat


def _wrong(folder: Path, *, enrolled: bool) -> str:
    """Tell what the settings lack or say wrongly, besides what comes with the enrolment."""
    content = settings.content(folder)
    if not enrolled:
        content |= {"xmpp": {"host": "", "domain": ""}, "sftp": {"host": "", "port": 0}}
    try:
        TelescopeSettings.model_validate(content)
    except ValidationError as error:
        return str(misread(folder / SETTINGS, TelescopeSettings, error))
    return ""


def _default_strategies() -> str:
    file = resources.files("followup") / "strategies" / "default.toml"
    return file.read_text(encoding="utf-8")
