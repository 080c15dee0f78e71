"""The ``followup`` command."""

from __future__ import annotations

import typer

from console.commands import (
    archive_commands,
    bundle_commands,
    centre,
    deploy_commands,
    packet_commands,
    people,
    preflight,
    servers_commands,
    set_aside,
    setting_up,
    sites,
    status,
)
from console.commands.demo import demo
from console.commands.drill import drill
from console.commands.faults import faults
from console.commands.focus import focus
from console.commands.planning import plan
from console.commands.replay import replay
from console.commands.serve_replays import serve_replays
from console.commands.telescope_status import telescope_status
from console.commands.watchdog import watchdog

_TRY = "Try it"
_RUN = "Run the sites"
_OBSERVE = "Trigger, follow, look"
_TEST = "Test with what happened"

app = typer.Typer(
    name="followup",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    help="""
Robotic follow-up of gamma-ray bursts: a science centre triggers telescopes, they plan, observe, reduce,
report and upload, and every packet between them is acknowledged.

**To see it at work**: `followup demo`

**To run the parts yourself**, with simulated telescopes (`--state DIR` keeps everything in one folder):

1. `followup up` starts the servers and makes the science centre and the relay
2. `followup relay run` and `followup csc run`, each in a terminal of its own
3. `followup csc admit gft-spm`, then `followup gft simulate gft-spm`
4. `followup gft run gft-spm` in a third terminal
5. `followup trigger --simulated`, then `followup campaigns` and `followup show CAMPAIGN`

Every command tells more with `--help`.
""",
    epilog="Exit status: 0 done; 1 done, but not as it should be; 2 what was asked for cannot be done.",
)
app.command("demo", rich_help_panel=_TRY)(demo)
app.command("faults", rich_help_panel=_TRY)(faults)
servers_commands.register(app, panel=_RUN)
status.register(app, panel=_RUN)
app.add_typer(sites.relay, name="relay", rich_help_panel=_RUN)
app.add_typer(sites.csc, name="csc", rich_help_panel=_RUN)
setting_up.register(sites.gft)
preflight.register(sites.gft)
sites.gft.command("status")(telescope_status)
people.register(sites.gft)
sites.gft.command("plan")(plan)
sites.gft.command("focus")(focus)
sites.gft.command("drill")(drill)
sites.gft.command("watchdog")(watchdog)
app.add_typer(sites.gft, name="gft", rich_help_panel=_RUN)
app.add_typer(deploy_commands.deploy, name="deploy", rich_help_panel=_RUN)
centre.register(app, panel=_OBSERVE)
app.add_typer(archive_commands.archive, name="archive", rich_help_panel=_OBSERVE)
bundle_commands.register(app, panel=_OBSERVE)
app.command("replay", rich_help_panel=_TEST)(replay)
app.command("serve-replays", rich_help_panel=_TEST)(serve_replays)
set_aside.register(packet_commands.packet)
app.add_typer(packet_commands.packet, name="packet", rich_help_panel=_OBSERVE)


def main() -> None:
    """Run the command line."""
    app()
