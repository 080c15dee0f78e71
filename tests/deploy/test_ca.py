import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from deploy.ca import Authority, ServerCertificate, open_authority, server_certificate
from deploy.errors import DeployError

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
NAMES = ("followup.test", "pubsub.followup.test")


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def verify(server: ServerCertificate, authority: Authority, name: str, time: datetime = NOW) -> None:
    verifier = (
        PolicyBuilder()
        .store(Store([read(authority.certificate)]))
        .time(time)
        .build_server_verifier(x509.DNSName(name))
    )
    verifier.verify(read(server.certificate), [])


def test_a_certificate_verifies_for_its_names_and_no_other(tmp_path: Path) -> None:
    authority = open_authority(tmp_path / "ca", now=NOW)
    server = server_certificate(authority, tmp_path / "tls", NAMES, now=NOW)
    for name in NAMES:
        verify(server, authority, name)
        verify(server, authority, name, NOW - timedelta(minutes=30))  # a telescope's clock that is behind
    with pytest.raises(VerificationError):
        verify(server, authority, "elsewhere.test")
    with pytest.raises(VerificationError):
        verify(server, open_authority(tmp_path / "other", now=NOW), NAMES[0])
    ssl.create_default_context(cafile=authority.certificate)
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(server.certificate, server.key)


def test_private_keys_are_private(tmp_path: Path) -> None:
    authority = open_authority(tmp_path / "ca", now=NOW)
    server = server_certificate(authority, tmp_path / "tls", NAMES, now=NOW)
    for key in (authority.key, server.key):
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    for certificate in (authority.certificate, server.certificate):
        assert b"PRIVATE" not in certificate.read_bytes()
    assert not [path.name for path in tmp_path.rglob(".*")]


def test_what_is_good_is_kept(tmp_path: Path) -> None:
    authority = open_authority(tmp_path / "ca", now=NOW)
    server = server_certificate(authority, tmp_path / "tls", NAMES, now=NOW)
    first = (authority.certificate.read_bytes(), server.certificate.read_bytes())
    later = NOW + timedelta(days=100)
    again = server_certificate(open_authority(tmp_path / "ca", now=later), tmp_path / "tls", NAMES, now=later)
    assert (authority.certificate.read_bytes(), again.certificate.read_bytes()) == first


@pytest.mark.parametrize("change", ["old", "renamed", "other authority", "broken", "key lost", "foreign key"])
def test_what_is_not_good_any_more_is_replaced(tmp_path: Path, change: str) -> None:
    authority, names, now = open_authority(tmp_path / "ca", now=NOW), NAMES, NOW
    server = server_certificate(authority, tmp_path / "tls", names, now=now)
    before = server.certificate.read_bytes()
    match change:
        case "old":
            now = NOW + timedelta(days=800)
        case "renamed":
            names = ("elsewhere.test",)
        case "other authority":
            authority = open_authority(tmp_path / "other", now=NOW)
        case "broken":
            server.certificate.write_bytes(before[:100])
        case "key lost":
            server.key.unlink()
        case "foreign key":
            server.key.write_bytes(authority.key.read_bytes())
    again = server_certificate(authority, tmp_path / "tls", names, now=now)
    assert again.certificate.read_bytes() != before
    verify(again, authority, names[0], now)
    key = serialization.load_pem_private_key(again.key.read_bytes(), password=None)
    assert key.public_key() == read(again.certificate).public_key()


def test_a_certificate_does_not_outlive_its_authority(tmp_path: Path) -> None:
    authority = open_authority(tmp_path / "ca", now=NOW)
    late = NOW + timedelta(days=3600)
    server = server_certificate(authority, tmp_path / "tls", NAMES, now=late)
    assert read(server.certificate).not_valid_after_utc == read(authority.certificate).not_valid_after_utc


@pytest.mark.parametrize("lost", ["ca.key", "ca.pem"])
def test_half_an_authority_is_not_replaced_silently(tmp_path: Path, lost: str) -> None:
    open_authority(tmp_path, now=NOW)
    (tmp_path / lost).unlink()
    with pytest.raises(DeployError, match=f"{lost} is missing") as caught:
        open_authority(tmp_path, now=NOW)
    assert caught.value.hint


def test_an_unreadable_authority_is_named(tmp_path: Path) -> None:
    authority = open_authority(tmp_path, now=NOW)
    authority.key.write_text("not a key")
    with pytest.raises(DeployError, match="cannot be read"):
        server_certificate(authority, tmp_path, NAMES, now=NOW)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DeployError, match=r"cannot write .*ca\.key"):
        open_authority(tmp_path / "file", now=NOW)
