# ruff: noqa: E501  # documents and messages stay unbroken
from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from followup.names import CampaignName
from followup.names import check_burst as check_burst_of_sites
from tests.voevent.builders import bursts, telescopes
from voevent import InvalidError, author_of, receipt_ivorn, trigger_ivorn
from voevent.identity import check_burst, check_campaign
from voevent.kinds import ReceiptOutcome


def test_who_speaks() -> None:
    assert author_of("ivo://followup/gft-jilin#sb1.gft-jilin.result-3") == "gft-jilin"
    assert author_of("ivo://org.svom/fsc#sb26042105_grm-trigger") == "fsc"


@pytest.mark.parametrize("ivorn", ["", "followup/csc#x", "ivo://followup/csc", "ivo://a b/csc#x", "ivo://a#x", "ivo:///b#x"])  # fmt: skip
def test_no_ivorn(ivorn: str) -> None:
    with pytest.raises(InvalidError, match="IVORN"):
        author_of(ivorn)


def test_names_of_triggers_and_receipts() -> None:
    digest = "0123456789abcdef" * 4
    assert (
        trigger_ivorn("followup", "csc", "sb1.gft-spm", revision=2, notice_sha256=digest)
        == "ivo://followup/csc#sb1.gft-spm.trigger-r2-0123456789ab"
    )
    assert (
        receipt_ivorn("followup", "csc-ftp", "-", outcome=ReceiptOutcome.RELAYED, cited_sha256=digest)
        == "ivo://followup/csc-ftp#-.receipt-relayed-0123456789ab"
    )


def accepted(check: object, text: str) -> bool:
    try:
        check(text)  # type: ignore[operator]  # one of four functions of a text
    except (InvalidError, ValueError):
        return False
    return True


@given(
    st.text("aZ09_-.", max_size=60)
    | st.builds("{}.{}".format, bursts, telescopes)
    | st.builds("{}.gft-{}".format, st.text("aZ9_-", max_size=50), st.text("aZ9_-", max_size=34))
)
def test_packets_and_sites_agree_about_names(text: str) -> None:
    assert accepted(check_campaign, text) == accepted(CampaignName.parse, text)
    assert accepted(check_burst, text) == accepted(check_burst_of_sites, text)
