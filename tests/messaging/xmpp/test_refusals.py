import ssl
from pathlib import Path

import pytest

from messaging.session import SessionDownError, SessionRefusedError
from messaging.xmpp import refusals
from messaging.xmpp.settings import XmppSettings

SETTINGS = XmppSettings(
    host="192.0.2.1", port=5222, domain="followup.test", user="csc", password="secret", ca_file=Path("ca.pem")
)


def test_an_absent_server_may_come_back() -> None:
    error = refusals.of_connection(SETTINGS, ConnectionRefusedError(111, "Connect call failed ('x', 1)"))
    assert isinstance(error, SessionDownError)
    assert str(error) == "no XMPP server answers at 192.0.2.1:5222: Connection refused"
    assert "No DNS record" in str(refusals.of_connection(SETTINGS, "No DNS record available"))


def test_only_a_wrong_certificate_makes_a_failed_handshake_final() -> None:
    wrong = ssl.SSLCertVerificationError("x")
    wrong.verify_message = "self-signed certificate"
    assert isinstance(refusals.of_tls(SETTINGS, wrong), SessionRefusedError)
    assert isinstance(refusals.of_tls(SETTINGS, ssl.SSLEOFError("eof")), SessionDownError)


def test_a_server_that_cannot_check_passwords_now_is_tried_again() -> None:
    assert isinstance(refusals.of_password(SETTINGS, "temporary-auth-failure"), SessionDownError)
    assert isinstance(refusals.of_password(SETTINGS, "not-authorized"), SessionRefusedError)


@pytest.mark.parametrize(
    ("condition", "final"),
    [
        ("conflict", True),
        ("not-authorized", True),
        ("host-unknown", True),
        ("system-shutdown", False),
        ("policy-violation", False),
    ],
)
def test_which_ends_of_a_stream_are_final(condition: str, *, final: bool) -> None:
    error = refusals.of_stream(SETTINGS, "csc@followup.test/followup", condition)
    assert (error is not None) == final


def test_no_error_and_no_settings_show_the_password() -> None:
    assert "secret" not in repr(SETTINGS)
    assert "secret" not in str(refusals.of_password(SETTINGS, "not-authorized"))
