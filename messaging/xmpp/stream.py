"""One connection to the server: TLS, login, resumption, and requests that end.

What the connection carries is none of its business: `messaging.xmpp.session` sends, listens and reconnects.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ssl
from collections.abc import Awaitable
from typing import Any

from slixmpp.clientxmpp import ClientXMPP
from slixmpp.exceptions import IqError, IqTimeout
from slixmpp.jid import JID
from slixmpp.util.sasl.mechanisms import SCRAM

from messaging.session import SessionDownError, SessionRefusedError, UndeliverableError
from messaging.xmpp import refusals
from messaging.xmpp.refusals import account, server
from messaging.xmpp.settings import XmppSettings

_MECHANISMS = {"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-1"}
"""SCRAM only: the server never sees the password, and proves that it knows it."""

_BIND_ORDER = 10000
"""Place of the library's own resource binding in the negotiation of a stream."""
_CUT_S = 1.0
_STANZAS_PER_ACK = 32
"""How often the server is asked what it has of what we sent; it also says so when we resume."""

_NOT_NEEDED = (
    *("IM", "IMError", "Data Form"),
    *(f"Pubsub Event: {what}" for what in ("Items", "Purge", "Delete", "Configuration", "Subscription")),
)
"""The library's own readers of messages."""


def _salted(mechanism: Any, password: bytes, salt: bytes, iterations: int) -> bytes:
    """Salt a password: RFC 5802, section 2.2, says that its Hi() is PBKDF2 (RFC 8018)."""
    return hashlib.pbkdf2_hmac(mechanism.hash().name, password, salt, iterations)


# The library's own loop keeps everything else waiting for a twentieth of a second at each login.
SCRAM.Hi = _salted  # type: ignore[method-assign, assignment]  # it offers no other way


class Stream(ClientXMPP):
    """A connection under one resource.

    Parameters
    ----------
    resumable
        Whether to ask for stream management (XEP-0198), so that a broken connection can be resumed.

    Attributes
    ----------
    pubsub, forms
        The library's requests to topic services (XEP-0060) and its forms (XEP-0004).
    lost
        Set while there is no connection.
    refusal
        Why the server ended the connection for good, if it did.
    """

    _run_out_filters: asyncio.Future[None] | None = None
    """The library's; its destructor asks for it even when a bad authority's file stopped the constructor."""

    def __init__(self, settings: XmppSettings, resource: str, *, resumable: bool) -> None:
        super().__init__(
            f"{settings.user}@{settings.domain}/{resource}",
            settings.password,
            plugin_config={
                "feature_mechanisms": {"use_mechs": set(_MECHANISMS)},
                "xep_0198": {"window": _STANZAS_PER_ACK},
            },
            ssl_context=_tls_context(settings),
        )
        self.settings = settings
        self.wanted = resource
        self.enable_direct_tls = False
        # Nobody gets to follow an agent's presence but by being told.
        self.auto_authorize = None
        self.auto_subscribe = False
        self.register_plugin("xep_0199")
        self.register_plugin("xep_0060")
        # Each of these would be asked about each packet; the session takes all messages itself.
        for name in _NOT_NEEDED:
            self.remove_handler(name)
        self.pubsub: Any = self.plugin["xep_0060"]
        self.forms: Any = self.plugin["xep_0004"]
        self._management: Any = None
        if resumable:
            self.register_plugin("xep_0198")
            self._management = self.plugin["xep_0198"]
        self.lost = asyncio.Event()
        self.lost.set()
        self.refusal: SessionRefusedError | None = None
        self._outcome: asyncio.Future[bool] | None = None
        self._resuming = False
        self._forgotten = False
        self._writable = asyncio.Event()
        self._writable.set()
        for event, handler in (
            ("session_resumed", self._on_resumed),
            ("stream_negotiated", self._on_negotiated),
            ("sm_failed", self._on_resumption_failed),
            ("connection_failed", self._on_connection_failed),
            ("ssl_invalid_chain", self._on_tls_failed),
            ("failed_auth", self._on_failed_auth),
            ("no_auth", self._on_no_mechanism),
            ("stream_error", self._on_stream_error),
            ("disconnected", self._on_disconnected),
        ):
            self.add_event_handler(event, handler)

    async def login(self) -> None:
        """Connect and log in; after a loss, resume.

        Raises
        ------
        SessionDownError
            When the server is absent, slow, or no longer knows what to resume.
        SessionRefusedError
            When its certificate or our password is wrong.
        """
        self._resuming = self.resumable
        self._outcome = asyncio.get_running_loop().create_future()
        self.lost.clear()
        self.connect(self.settings.host, self.settings.port)
        try:
            async with asyncio.timeout(self.settings.timing.login_s):
                await self._outcome
        except TimeoutError:
            await self.drop()
            raise SessionDownError(
                f"{server(self.settings)} did not let {account(self.settings)} in within"
                f" {self.settings.timing.login_s:.0f} s"
            ) from None
        except BaseException:
            await self.drop()
            raise
        finally:
            self._outcome = None
        if self.boundjid.resource != self.wanted:
            await self.drop()
            raise SessionRefusedError(
                f"the XMPP server named us {self.boundjid.full} although we asked for {self.resource}",
                hint="configure the server to give clients the resource they ask for",
            )

    @property
    def resumable(self) -> bool:
        """Whether the server may still hold this connection for us."""
        return self._management is not None and bool(self._management.sm_id) and not self._forgotten

    async def ask(self, request: Awaitable[Any], what: str) -> Any:
        """Await the answer to a request.

        Raises
        ------
        SessionDownError
            When the connection is lost or no answer comes in time.
        UndeliverableError
            When the answer is an error.
        """
        answer = asyncio.ensure_future(request)
        loss = asyncio.ensure_future(self.lost.wait())
        try:
            await asyncio.wait(
                {answer, loss}, timeout=self.settings.timing.answer_s, return_when=asyncio.FIRST_COMPLETED
            )
            if not answer.done():
                reason = "the connection was lost" if loss.done() else "no answer came in time"
                raise SessionDownError(f"{what}: {reason}")
            return answer.result()
        except IqTimeout as error:
            raise SessionDownError(f"{what}: no answer came in time") from error
        except IqError as error:
            detail = f" ({error.text})" if error.text else ""
            raise UndeliverableError(f"{what}: {error.condition}{detail}") from error
        finally:
            answer.cancel()
            loss.cancel()

    async def answers(self, address: str, timeout_s: float) -> bool | None:
        """Whether something answers a ping at a full address; None when nothing comes back at all.

        False is the server's word that nobody is there. None is what a connection gives that broke and is
        held for its owner.

        References
        ----------
        XEP-0199, section 4.3.
        """
        request = self.plugin["xep_0199"].send_ping(JID(address), timeout=timeout_s)
        try:
            await self.ask(request, f"ping to {address}")
        except UndeliverableError as error:
            # A client that does not know pings is there all the same.
            return "feature-not-implemented" in str(error)
        except SessionDownError:
            return None
        return True

    async def writable(self) -> None:
        """Return when the connection takes more; a server that does not read makes us wait.

        Raises
        ------
        SessionDownError
            When it still does not after the time an answer may take.
        """
        if self._writable.is_set():
            return
        try:
            async with asyncio.timeout(self.settings.timing.answer_s):
                await self._writable.wait()
        except TimeoutError:
            raise SessionDownError(f"{server(self.settings)} does not read what we send") from None

    async def leave(self) -> None:
        """Say goodbye and close: the server forgets this connection at once."""
        if not self.lost.is_set():
            self.disconnect(wait=self.settings.timing.probe_s)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2 * self.settings.timing.probe_s):
                    await self.lost.wait()
        await self.drop()

    async def cut(self) -> None:
        """Cut the connection without a word; it can be resumed."""
        self.cancel_connection_attempt()
        if self.transport is not None:
            self.abort()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_CUT_S):
                    await self.lost.wait()
        self.lost.set()

    async def drop(self) -> None:
        """Cut the connection, if there is one, and end what this object runs."""
        await self.cut()
        if self._run_out_filters is not None:
            self._run_out_filters.cancel()
            await asyncio.wait({self._run_out_filters})

    def pause_writing(self) -> None:
        """Note that the connection's buffer is full (asyncio's flow control)."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Note that the connection's buffer has drained (asyncio's flow control)."""
        self._writable.set()

    def _settle(self, error: Exception | None = None) -> None:
        if self._outcome is None or self._outcome.done():
            return
        if error is None:
            self._outcome.set_result(True)
        else:
            self._outcome.set_exception(error)

    def _on_negotiated(self, _event: object) -> None:
        # Not at session_start: that comes before stream management is in force.
        if self.bound:
            self._settle()

    def _on_resumed(self, _event: object) -> None:
        self._settle()

    def _on_resumption_failed(self, _event: object) -> None:
        if self._resuming:
            # The library would now bind the resource again and throw out an agent that took our place.
            self.unregister_feature("bind", _BIND_ORDER)
            self._forgotten = True
            self._settle(SessionDownError("the XMPP server no longer holds the connection"))

    def _on_connection_failed(self, error: object) -> None:
        self._settle(refusals.of_connection(self.settings, error))

    def _on_tls_failed(self, error: object) -> None:
        self._settle(refusals.of_tls(self.settings, error))

    def _on_failed_auth(self, failure: Any) -> None:
        self._settle(refusals.of_password(self.settings, failure["condition"]))

    def _on_no_mechanism(self, _event: object) -> None:
        self._settle(refusals.of_login(self.settings, encrypted="starttls" in self.features))

    def _on_stream_error(self, error: Any) -> None:
        self.refusal = refusals.of_stream(self.settings, self.boundjid.full, error["condition"])
        if self.refusal is not None:
            self._settle(self.refusal)

    def _on_disconnected(self, reason: object) -> None:
        self.lost.set()
        self._writable.set()
        if isinstance(reason, ssl.SSLError):
            # A failed handshake ends the connection before the library tells of the failure.
            self._settle(refusals.of_tls(self.settings, reason))
        detail = f": {reason}" if reason else ""
        self._settle(SessionDownError(f"{server(self.settings)} closed the connection{detail}"))


def _tls_context(settings: XmppSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except OSError as error:
        raise refusals.of_authority(settings, error) from error
