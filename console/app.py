"""The ``followup`` command."""

from __future__ import annotations

import typer

from console.commands import (
    archive_commands,
    centre,
    deploy_commands,
    packet_commands,
    servers_commands,
    sites,
)
from console.commands.demo import demo

app = typer.Typer(
    name="followup",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help=(
        "Robotic follow-up of gamma-ray bursts: a science centre triggers telescopes, they plan, observe, "
        "reduce, report and upload, and every packet between them is acknowledged.\n\n"
        "[bold]Try it:[/]  followup demo\n\n"
        "[bold]Run it:[/]  followup up, then in three terminals  followup relay run,  followup csc run,  "
        "followup gft run gft-NAME,  and  followup trigger FILE"
    ),
    epilog="Exit status: 0 done, 1 done but not as it should be, 2 what was asked for cannot be done.",
)
app.command("demo")(demo)
servers_commands.register(app)
app.add_typer(sites.csc, name="csc")
app.add_typer(sites.gft, name="gft")
app.add_typer(sites.relay, name="relay")
centre.register(app)
app.add_typer(packet_commands.packet, name="packet")
app.add_typer(archive_commands.archive, name="archive")
app.add_typer(deploy_commands.deploy, name="deploy")


def main() -> None:
    """Run the command line."""
    app()
