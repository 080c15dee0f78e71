"""What logging in computes."""

from __future__ import annotations

import hmac

import pytest
from slixmpp.util.misc_ops import hash as hash_of
from slixmpp.util.sasl.mechanisms import SCRAM

import messaging.xmpp.stream  # noqa: F401 - it is what logs in


@pytest.mark.parametrize("name", ["SHA-256", "SHA-1"])
def test_a_password_is_salted_as_rfc_5802_says(name: str) -> None:
    mechanism = SCRAM.__new__(SCRAM)
    mechanism.hash = hash_of(name)

    def keyed(message: bytes) -> bytes:
        return hmac.new(b"pencil", message, mechanism.hash).digest()

    last = keyed(b"salt" + b"\0\0\0\1")
    wanted = int.from_bytes(last, "big")
    for _ in range(4095):
        last = keyed(last)
        wanted ^= int.from_bytes(last, "big")
    assert int.from_bytes(mechanism.Hi(b"pencil", b"salt", 4096), "big") == wanted
