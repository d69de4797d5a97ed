"""The authority signs what a station may be, and nothing that the station asks for."""

import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from cloud.infrastructure.signing.certificate_authority import (
    AuthorityDamagedError,
    FolderCertificateAuthority,
    ServerCertificates,
)
from cloud.stations.errors import SigningRequestInvalidError
from tests.fakes.core import SetClock

pytestmark = pytest.mark.requirement("FLT")
ORGANIZATION = "org_01K0DEM0000000000000000000"
STATION = "sta_01K0DEM0000000000000000001"


def request(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    greedy = x509.SubjectAlternativeName(
        [x509.UniformResourceIdentifier("kyndof://org_X/station/sta_X")]
    )
    return (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody else")]))
        .add_extension(greedy, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )


@pytest.fixture
def clock() -> SetClock:
    return SetClock(datetime(2026, 5, 4, 9, tzinfo=UTC))


@pytest.fixture
def authority(tmp_path: Path, clock: SetClock) -> FolderCertificateAuthority:
    return FolderCertificateAuthority(tmp_path / "authority", clock)


def test_subject_and_extensions_of_a_request_are_ignored(
    authority: FolderCertificateAuthority,
) -> None:
    issued = authority.issue(
        request(ec.generate_private_key(ec.SECP256R1())), ORGANIZATION, STATION
    )
    certificate = x509.load_pem_x509_certificate(issued.certificate_pem.encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [
        f"kyndof://{ORGANIZATION}/station/{STATION}"
    ]
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    assert not constraints.ca
    assert "somebody else" not in certificate.subject.rfc4514_string()
    life = certificate.not_valid_after_utc - datetime(2026, 5, 4, 9, tzinfo=UTC)
    assert life == timedelta(days=30)


def test_only_p256_keys_that_sign_their_request_are_taken(
    authority: FolderCertificateAuthority,
) -> None:
    good = request(ec.generate_private_key(ec.SECP256R1()))
    wrong = [
        request(ec.generate_private_key(ec.SECP384R1())),
        request(rsa.generate_private_key(public_exponent=65537, key_size=2048)),
        good[:-4] + bytes(4),
        good[:50],
        b"",
        b"\x30" * 20_000,
    ]
    for csr in wrong:
        with pytest.raises(SigningRequestInvalidError):
            authority.issue(csr, ORGANIZATION, STATION)


def test_the_authority_is_made_once_and_kept_secret(tmp_path: Path, clock: SetClock) -> None:
    folder = tmp_path / "authority"
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: FolderCertificateAuthority(folder, clock), range(8)))
    assert len({authority.fingerprint for authority in made}) == 1
    assert stat.S_IMODE((folder / "key.pem").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["authority"]


def test_half_an_authority_is_named_and_never_replaced(tmp_path: Path, clock: SetClock) -> None:
    folder = tmp_path / "authority"
    FolderCertificateAuthority(folder, clock)
    (folder / "certificate.pem").unlink()
    with pytest.raises(AuthorityDamagedError, match="restore it"):
        FolderCertificateAuthority(folder, clock)


def test_a_certificate_of_another_authority_says_nothing(
    tmp_path: Path, authority: FolderCertificateAuthority, clock: SetClock
) -> None:
    stranger = FolderCertificateAuthority(tmp_path / "stranger", clock)
    csr = request(ec.generate_private_key(ec.SECP256R1()))
    ours = authority.issue(csr, ORGANIZATION, STATION)
    theirs = stranger.issue(csr, ORGANIZATION, STATION)
    facts = authority.read(ours.certificate_pem.encode())
    assert facts is not None
    assert (facts.organization_id, facts.station_id) == (ORGANIZATION, STATION)
    assert authority.read(theirs.certificate_pem.encode()) is None
    assert authority.read(authority.ca_pem.encode()) is None
    assert authority.read(b"no certificate") is None


def test_the_server_certificate_is_renewed_each_hour(
    authority: FolderCertificateAuthority, clock: SetClock
) -> None:
    certificates = ServerCertificates(authority, ["localhost", "127.0.0.1"], clock)
    first = certificates.current()
    clock.advance(minutes=59)
    assert certificates.current() == first
    clock.advance(minutes=2)
    second = certificates.current()
    assert second != first
    leaf = x509.load_pem_x509_certificate(second[1])
    assert leaf.not_valid_after_utc == clock.now() + timedelta(days=7)
