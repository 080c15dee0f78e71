"""A site's own certificate authority, and the server certificate that it signs.

The private keys are made here and stay in their folder with mode 0600. Agents get only the authority's
certificate.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deploy.errors import DeployError

_AUTHORITY_LIFE = timedelta(days=3650)
_SERVER_LIFE = timedelta(days=825)
_RENEW_BEFORE = timedelta(days=60)
_CLOCK_SKEW = timedelta(hours=1)
"""How far a telescope's clock may be behind ours when it first sees a fresh certificate."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Authority:
    """A certificate authority on disk.

    Attributes
    ----------
    certificate
        PEM file that agents verify servers against.
    key
        PEM file of its private key, mode 0600.
    """

    certificate: Path
    key: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerCertificate:
    """A server's certificate and private key on disk (PEM, the key with mode 0600)."""

    certificate: Path
    key: Path


def open_authority(folder: Path, *, now: datetime) -> Authority:
    """Return the authority kept in `folder`; make it if there is none.

    Raises
    ------
    DeployError
        When one of its two files is missing, or the folder cannot be written.
    """
    authority = Authority(certificate=folder / "ca.pem", key=folder / "ca.key")
    present = [path.exists() for path in (authority.certificate, authority.key)]
    if all(present):
        return authority
    if any(present):
        missing = authority.key if present[0] else authority.certificate
        raise DeployError(
            f"the certificate authority in {folder} is incomplete: {missing.name} is missing",
            hint="restore it from a backup; or remove the folder and admit every telescope again",
        )
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "followup certificate authority")])
    public = key.public_key()
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(now + _AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    _store(authority.key, _private_pem(key), mode=0o600)
    _store(authority.certificate, certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)
    return authority


def server_certificate(
    authority: Authority, folder: Path, names: tuple[str, ...], *, now: datetime
) -> ServerCertificate:
    """Return a certificate for a server with these DNS names, signed by `authority`.

    The one kept in `folder` is used again while it names the same server, was signed by this authority
    and has more than 60 days to go; otherwise a new one takes its place.

    Parameters
    ----------
    names
        DNS names (subject alternative names); the first is also the common name.

    Raises
    ------
    DeployError
        When the authority cannot be read or the folder cannot be written.

    References
    ----------
    RFC 6120, section 13.7.1.2 (a server's certificate names its domain as dNSName).
    """
    server = ServerCertificate(certificate=folder / "server.pem", key=folder / "server.key")
    try:
        issuer = x509.load_pem_x509_certificate(authority.certificate.read_bytes())
        issuer_key = serialization.load_pem_private_key(authority.key.read_bytes(), password=None)
    except (OSError, ValueError) as error:
        raise DeployError(
            f"the certificate authority in {authority.certificate.parent} cannot be read: {error}",
            hint="restore it from a backup; or remove the folder and admit every telescope again",
        ) from error
    if not isinstance(issuer_key, ec.EllipticCurvePrivateKey):
        raise DeployError(f"{authority.key} is not the key of an authority made here")
    if _still_good(server, issuer, names, now):
        return server
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _CLOCK_SKEW)
        .not_valid_after(min(now + _SERVER_LIFE, issuer.not_valid_after_utc))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False
        )
        .sign(issuer_key, hashes.SHA256())
    )
    _store(server.key, _private_pem(key), mode=0o600)
    _store(server.certificate, certificate.public_bytes(serialization.Encoding.PEM), mode=0o644)
    return server


def _still_good(
    server: ServerCertificate, issuer: x509.Certificate, names: tuple[str, ...], now: datetime
) -> bool:
    try:
        certificate = x509.load_pem_x509_certificate(server.certificate.read_bytes())
        key = serialization.load_pem_private_key(server.key.read_bytes(), password=None)
        certificate.verify_directly_issued_by(issuer)
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except Exception:  # noqa: BLE001 - unreadable, foreign or half-written: a new one is made, whatever it was
        return False
    return (
        key.public_key() == certificate.public_key()
        and tuple(alternatives.get_values_for_type(x509.DNSName)) == names
        and certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - _RENEW_BEFORE
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _store(path: Path, content: bytes, *, mode: int) -> None:
    """Write a file whole or not at all; it never exists with wider permissions than `mode`."""
    temporary = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        temporary.replace(path)
    except OSError as error:
        raise DeployError(
            f"cannot write {path}: {error.strerror}", hint="check the folder's permissions and free space"
        ) from error
