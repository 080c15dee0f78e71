"""What a failed login means, in the operator's words: whether to try again, and what to do. Pure."""

from __future__ import annotations

import os
import ssl

from messaging.session import PasswordRefusedError, SessionDownError, SessionRefusedError
from messaging.xmpp.settings import XmppSettings


def server(settings: XmppSettings) -> str:
    """Name the server in a message."""
    return f"the XMPP server at {settings.host}:{settings.port}"


def account(settings: XmppSettings) -> str:
    """Name our account in a message."""
    return f"{settings.user}@{settings.domain}"


def of_authority(settings: XmppSettings, error: OSError) -> SessionRefusedError:
    """Return the error for an authority's certificate that cannot be read."""
    reason = "no PEM certificate in it" if isinstance(error, ssl.SSLError) else error.strerror
    return SessionRefusedError(
        f"cannot read the authority's certificate {settings.ca_file}: {reason}",
        hint="get it from the science centre again",
    )


def of_connection(settings: XmppSettings, error: object) -> SessionDownError:
    """Return the error for a server that cannot be reached."""
    reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
    return SessionDownError(
        f"no XMPP server answers at {settings.host}:{settings.port}: {reason}",
        hint="start the server, or correct its address in the settings",
    )


def of_tls(settings: XmppSettings, error: object) -> SessionDownError | SessionRefusedError:
    """Return the error for a failed TLS handshake: vain when the certificate is wrong."""
    if not isinstance(error, ssl.SSLCertVerificationError):
        return SessionDownError(f"TLS with {server(settings)} failed: {error}")
    return SessionRefusedError(
        f"the certificate of {server(settings)} does not verify for {settings.domain}"
        f" against {settings.ca_file}: {error.verify_message}",
        hint="get the authority's certificate from the science centre again; if it is right, this is"
        " another server",
    )


def of_password(settings: XmppSettings, condition: str) -> SessionDownError | SessionRefusedError:
    """Return the error for a SASL failure (RFC 6120, section 6.5)."""
    if condition == "temporary-auth-failure":
        return SessionDownError(f"{server(settings)} cannot check passwords now")
    return PasswordRefusedError(
        f"{server(settings)} refuses the password of {account(settings)} ({condition})",
        hint="the account was removed or has a new password: admit the site again and give it the new"
        " credentials",
    )


def of_login(settings: XmppSettings, *, encrypted: bool) -> SessionRefusedError:
    """Return the error for a server that offers no way to log in that we would take."""
    return SessionRefusedError(
        f"{server(settings)} offers no " + ("login by SCRAM" if encrypted else "encryption"),
        hint="configure it as in deploy/prosody; the password is sent in no other way",
    )


def of_stream(settings: XmppSettings, address: str, condition: str) -> SessionRefusedError | None:
    """Return the error for a stream that the server ended for good; None when it may be tried again.

    References
    ----------
    RFC 6120, section 4.9.3 (stream error conditions).
    """
    if condition == "conflict":
        return SessionRefusedError(
            f"another agent logged in as {address} and took this one's place",
            hint="run one agent of each name",
        )
    if condition in {"host-unknown", "host-gone"}:
        return SessionRefusedError(
            f"{server(settings)} does not serve the domain {settings.domain}",
            hint="correct the domain, or the server's address, in the settings",
        )
    if condition == "not-authorized":
        return SessionRefusedError(
            f"the account {account(settings)} was removed from {server(settings)}",
            hint="admit the site again and give it the new credentials",
        )
    return None
