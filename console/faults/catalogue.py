"""All faults that campaigns must survive, each with what it shows."""

from __future__ import annotations

from console.faults import strikes
from console.faults.mine import Deed, Mine
from console.faults.stage import POSTGRESQL, PREFECT, PROSODY
from console.faults.strikes import Fault
from followup.names import CSC, RELAY

RANDOM = "at a random moment"
GFT = "gft"

_RECORD = "agents.gft.record:Record._applied"
_COMMIT = "messaging.store:Store.transact"

RANDOM_KILLS: tuple[Fault, ...] = (
    Fault(
        name="kill gft",
        where=RANDOM,
        who=GFT,
        shows="its campaigns go on from the journal: at most the exposure in flight is repeated",
        strike=strikes.kill(GFT),
        kill=True,
    ),
    Fault(
        name="kill csc",
        where=RANDOM,
        who=CSC,
        shows="triggers, downloads, answers and the archive go on from the journal",
        strike=strikes.kill(CSC),
        kill=True,
    ),
    Fault(
        name="kill relay",
        where=RANDOM,
        who=RELAY,
        shows="custody is real, and uploads and downloads resume: the SFTP store dies with it",
        strike=strikes.kill(RELAY),
        kill=True,
    ),
    Fault(
        name="kill xmpp",
        where=RANDOM,
        who=PROSODY,
        shows="sessions come back by themselves, and what was under way is said again",
        strike=strikes.kill(PROSODY),
        kill=True,
    ),
)


def _at(who: str, where: str, shows: str, mine: Mine, *, fresh: bool = False) -> Fault:
    name = {GFT: "kill gft", CSC: "kill csc", RELAY: "kill relay"}[who]
    return Fault(name=name, where=where, who=who, shows=shows, strike=strikes.step_on(who, mine, fresh=fresh))


NAMED: tuple[Fault, ...] = (
    _at(
        GFT,
        "a trigger committed, not considered",
        "a trigger taken in is answered after the restart, once",
        Mine(function="agents.gft.service:TelescopeAgent.consider"),
        fresh=True,
    ),
    _at(
        GFT,
        "the acceptance committed, nothing begun",
        "what was accepted is observed",
        Mine(function="agents.gft.service:TelescopeAgent._go"),
        fresh=True,
    ),
    _at(
        GFT,
        "the slew about to begin",
        "the mount is sent again",
        Mine(function=_RECORD, contains=("SLEWING",)),
        fresh=True,
    ),
    _at(
        GFT,
        "after an exposure's intention is committed",
        "the exposure in flight is taken again, and no other",
        Mine(function=_RECORD, contains=("EXPOSING",)),
    ),
    _at(
        GFT,
        "a frame read out, not yet on disk",
        "the frame that was lost is taken again, and no other",
        Mine(function="agents.gft.observing:write_raw"),
    ),
    _at(
        GFT,
        "a frame on disk, not in the journal",
        "the disk is asked: the frame is found there, not taken again",
        Mine(function="agents.gft.observing:write_raw", after=True),
    ),
    _at(
        GFT,
        "a frame reduced, not measured",
        "frames are reduced again from the disk",
        Mine(function="agents.gft.reduction.field:FieldReduction.reduce", after=True, count=2),
    ),
    _at(
        GFT,
        "a result committed, not sent",
        "it is sent, once",
        Mine(function=_RECORD, contains=("MEASURED",)),
    ),
    _at(
        GFT,
        "an upload announced, nothing uploaded",
        "the same attempt goes on",
        Mine(function=_RECORD, contains=("UPLOADING",)),
    ),
    _at(
        GFT,
        "in the middle of an upload",
        "the upload resumes with the files that are missing",
        Mine(function="transfer.client:send_file", after=True, count=3),
    ),
    _at(
        GFT,
        "all files uploaded, not announced",
        "completion is announced, once",
        Mine(function="agents.gft.sending:upload_dataset", after=True),
    ),
    _at(
        GFT,
        "the closing committed, not sent",
        "it is sent, once, and waited for",
        Mine(function=_RECORD, contains=("CLOSING",)),
    ),
    _at(
        CSC,
        "a trigger committed, not sent",
        "it is sent after the restart",
        Mine(function="agents.csc.service:CscAgent._sent"),
        fresh=True,
    ),
    _at(
        CSC,
        "a packet committed, not archived",
        "the archive catches up with the journal before anything is answered",
        Mine(function="agents.csc.archivist:Archivist._copy"),
    ),
    _at(
        CSC,
        "a packet archived, not answered",
        "it is archived once and answered",
        Mine(function="agents.csc.archivist:Archivist._copy", after=True),
    ),
    _at(
        CSC,
        "in the middle of a download",
        "the download resumes with the files that are missing",
        Mine(function="transfer.client:fetch_file", after=True, count=3),
    ),
    _at(
        CSC,
        "between download and archive",
        "downloaded files are verified again and archived once",
        Mine(function="agents.csc.downloads:download_dataset", after=True),
    ),
    _at(
        CSC,
        "a dataset archived, not answered",
        "it is not archived twice, and its final receipt is given",
        Mine(function="archive.archive:Archive.store_dataset", after=True),
    ),
    _at(
        CSC,
        "the final answer committed, not sent",
        "a final receipt that got lost is asked for again and answered from the journal",
        Mine(function="messaging.courier:Courier.answer", after=True),
    ),
    _at(
        RELAY,
        "a packet committed, not yet in custody",
        "it is taken into custody after the restart; the telescope retries until it hears so",
        Mine(function="agents.ftp_relay.service:RelayAgent.consider"),
    ),
    _at(
        RELAY,
        "right after relayed",
        "custody is real: the relay delivers what it said it has",
        Mine(function="messaging.sender:Sender._hand_over", after=True, contains=("receipt-relayed",)),
    ),
    _at(
        RELAY,
        "an item published, not noted",
        "it is published again, and the science centre takes it once",
        Mine(function="messaging.sender:Sender._hand_over", after=True, contains=("ToTopic",), count=2),
    ),
    _at(
        RELAY,
        "in the middle of a file's upload",
        "the SFTP store may die with a half file: it is never seen under its final name",
        Mine(function="agents.ftp_relay.store_view:StoreView.write", count=4),
    ),
    Fault(
        name="wipe xmpp",
        where="right after relayed, the relay killed as well",
        who=RELAY,
        shows="wiping the XMPP server's data loses nothing that anybody has a receipt for",
        strike=strikes.step_on(
            RELAY,
            Mine(
                function="messaging.sender:Sender._hand_over",
                after=True,
                contains=("receipt-relayed",),
                deed=Deed.STOP,
            ),
            meanwhile=strikes.wipe_xmpp,
        ),
    ),
    Fault(
        name="disk full",
        where="at the relay, while files come in, for 8 s",
        who=RELAY,
        shows="uploads wait for room, and say so",
        strike=strikes.step_on(
            RELAY,
            Mine(
                function="agents.ftp_relay.store_view:StoreView.write", count=2, deed=Deed.FULL, seconds=8.0
            ),
        ),
    ),
    Fault(
        name="flip a bit",
        where="in a file at the relay, before it is downloaded",
        who=CSC,
        shows="a dataset that does not verify is refused, superseded and repaired",
        strike=strikes.step_on(
            CSC,
            Mine(function="agents.csc.downloads:download_dataset", deed=Deed.STOP),
            meanwhile=strikes.flip_in_store,
        ),
    ),
    *(
        Fault(
            name="kill xmpp",
            where=where,
            who=PROSODY,
            shows=shows,
            strike=strikes.hear(who, event, strikes.kill(PROSODY), contains=text, fresh=text == ".trigger-"),
        )
        for who, event, text, where, shows in (
            (CSC, "packet.sent", ".trigger-", "as a trigger is sent", "the trigger is sent again"),
            (GFT, "packet.sent", ".closing-", "as a closing is sent", "the closing is sent again"),
            (
                CSC,
                "dataset.archived",
                "",
                "as a final receipt is sent",
                "the receipt is asked for again",
            ),
        )
    ),
)


def _network() -> tuple[Fault, ...]:
    names = {CSC: "the science centre", RELAY: "the relay", GFT: "the telescope"}
    found = []
    for who, called in names.items():
        found += [
            Fault(
                name="cut",
                where=f"XMPP of {called}",
                who=f"network of {who}",
                shows="the session is resumed, and what was under way is said again",
                strike=strikes.cut(who, "xmpp"),
            ),
            Fault(
                name="away",
                where=f"XMPP of {called}, for 6 s",
                who=f"network of {who}",
                shows="what is said meanwhile waits, and comes in order",
                strike=strikes.away(who, "xmpp", seconds=6.0),
            ),
            Fault(
                name="half-open",
                where=f"XMPP of {called}",
                who=f"network of {who}",
                shows="a connection that nobody answers on is given up and replaced",
                strike=strikes.half_open(who, "xmpp"),
            ),
            Fault(
                name="stall",
                where=f"XMPP of {called}, for 12 s",
                who=f"network of {who}",
                shows="what is said twice because an answer was late has its effect once",
                strike=strikes.stall(who, "xmpp", seconds=12.0),
            ),
            Fault(
                name="spoil",
                where=f"a byte in flight, XMPP of {called}",
                who=f"network of {who}",
                shows="TLS refuses it: the connection is replaced, nothing false is taken in",
                strike=strikes.spoil(who, "xmpp"),
            ),
        ]
    for who in (CSC, GFT):
        called, doing, event = (
            names[who],
            *(("a download", "packet.received") if who == CSC else ("an upload", "campaign.uploading")),
        )
        text = "has uploaded" if who == CSC else ""
        found += [
            Fault(
                name=name,
                where=f"SFTP of {called}, in {doing}{span}",
                who=f"network of {who}",
                shows=shows,
                strike=strikes.hear(who, event, strike, contains=text),
            )
            for name, span, shows, strike in (
                ("cut", "", "the transfer resumes", strikes.cut(who, "sftp")),
                (
                    "half-open",
                    "",
                    "a transfer that hangs is given up and resumed",
                    strikes.half_open(who, "sftp"),
                ),
                (
                    "slow",
                    ", 200 kB/s for 10 s",
                    "a slow line is waited for",
                    strikes.slow(who, "sftp", bytes_per_s=200_000.0, seconds=10.0),
                ),
                ("spoil", "", "SSH refuses it: the transfer resumes", strikes.spoil(who, "sftp")),
            )
        ]
    return tuple(found)


NETWORK: tuple[Fault, ...] = _network()

SERVERS: tuple[Fault, ...] = (
    Fault(
        name="kill prefect",
        where=RANDOM,
        who=PREFECT,
        shows="the orchestrator is not on the critical path, and no flow run is left running",
        strike=strikes.kill(PREFECT, longest_pause_s=10.0),
        kill=True,
    ),
    Fault(
        name="kill postgresql",
        where=RANDOM,
        who=POSTGRESQL,
        shows="the archive catches up with the journal when its database is back",
        strike=strikes.kill(POSTGRESQL, longest_pause_s=5.0),
        kill=True,
    ),
)
"""On a stage that has these servers, struck besides the agents."""

ALL: tuple[Fault, ...] = (*RANDOM_KILLS, *SERVERS, *NAMED, *NETWORK)
