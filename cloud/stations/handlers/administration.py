"""Who becomes a station, and who is shut out."""

import hashlib
import secrets
from datetime import timedelta

from cloud.commands.ports import UnitOfWork
from cloud.stations.commands import EnrolStation, IssueJoinToken, RegisterStation, RevokeStation
from cloud.stations.enrolment import (
    LONGEST_TOKEN_S,
    SHORTEST_TOKEN_S,
    JoinToken,
    TokenUse,
    judge_token,
)
from cloud.stations.errors import (
    JoinTokenUnknownError,
    StationInvalidError,
    StationNameTakenError,
    StationRevokedError,
    StationStageUnknownError,
)
from cloud.stations.events import StationEnrolled, StationRegistered, StationRevoked
from cloud.stations.handlers.lookup import station_of, station_view
from cloud.stations.ports import (
    CertificateAuthority,
    EnrolmentStore,
    IssuedCertificate,
    StageCodes,
    StationStore,
)
from cloud.stations.queries import Enrolment, IssuedJoinToken, StationView
from cloud.stations.station import Station, StationStatus, check_station


async def register_station(command: RegisterStation, unit: UnitOfWork) -> StationView:
    """Add a station.

    Raises:
        StationInvalidError: it could not be found or used like this.
        StationStageUnknownError: the registry knows no such stage.
        StationNameTakenError: the name belongs to another station.
    """
    check_station(command.name, command.stages, command.title_ko, command.title_en)
    known = unit.store(StageCodes).codes()
    if unknown := [stage for stage in command.stages if stage not in known]:
        raise StationStageUnknownError(
            "the registry knows no such stage",
            field="stages",
            actual=unknown,
            expected=sorted(known),
        )
    station = Station(
        station_id=unit.ids.new("sta"),
        name=command.name,
        stages=command.stages,
        title_ko=command.title_ko,
        title_en=command.title_en,
        status=StationStatus.REGISTERED,
        registered_at=unit.clock.now(),
    )
    if not await unit.store(StationStore).add(station):
        raise StationNameTakenError("another station has this name", name=command.name)
    unit.record(
        StationRegistered(
            station_id=station.station_id, station_name=station.name, stages=station.stages
        )
    )
    return station_view(station, None, unit.clock.now())


async def issue_join_token(command: IssueJoinToken, unit: UnitOfWork) -> IssuedJoinToken:
    """Make a one-time token for one device; only its hash is kept.

    Raises:
        StationUnknownError: no such station.
        StationRevokedError: it is shut out for good.
        StationInvalidError: the serial or the token's life is not usable.
    """
    station = await station_of(command.station_id, unit)
    if not command.serial.strip() or len(command.serial) > 200:
        raise StationInvalidError("a serial has 1 to 200 characters", field="serial")
    if not SHORTEST_TOKEN_S <= command.valid_s <= LONGEST_TOKEN_S:
        raise StationInvalidError(
            f"a join token lives {SHORTEST_TOKEN_S} to {LONGEST_TOKEN_S} seconds", field="valid_s"
        )
    secret = secrets.token_urlsafe(32)
    now = unit.clock.now()
    token = JoinToken(
        station_id=station.station_id,
        serial=command.serial,
        expires_at=now + timedelta(seconds=command.valid_s),
        used_at=None,
        key_sha256=None,
        certificate_serial=None,
    )
    token_hash = hashlib.sha256(secret.encode()).digest()
    await unit.store(EnrolmentStore).add_token(token_hash, token, unit.context.user, now)
    return IssuedJoinToken(
        join_token=secret,
        station_id=station.station_id,
        serial=command.serial,
        expires_at=token.expires_at,
    )


async def enrol_station(command: EnrolStation, unit: UnitOfWork) -> Enrolment:
    """Exchange a token for a certificate; a lost answer may be asked for again.

    Raises:
        JoinTokenUnknownError: no such token.
        JoinTokenSerialError: issued for another device.
        JoinTokenExpiredError: its time is over.
        JoinTokenUsedError: another key was enrolled with it.
        SigningRequestInvalidError: the request is not one that can be signed.
        StationRevokedError: the station is shut out.
    """
    authority = unit.store(CertificateAuthority)
    enrolments = unit.store(EnrolmentStore)
    key_sha256 = authority.key_of_request(command.csr_der)
    try:
        token_hash = bytes.fromhex(command.join_token_hash)
    except ValueError as error:
        raise JoinTokenUnknownError("no such join token") from error
    # The row is locked from here on: of many devices with one token, one is first.
    token = await enrolments.find_token(token_hash)
    if token is None:
        raise JoinTokenUnknownError("no such join token")
    use = judge_token(token, key_sha256, command.serial, unit.clock.now())
    station = await station_of(token.station_id, unit, lock=True)
    if use is TokenUse.SAME_AGAIN and token.certificate_serial is not None:
        earlier = await enrolments.find_certificate(token.station_id, token.certificate_serial)
        if earlier is None:
            raise StationRevokedError("the certificate of this join token was revoked")
        return _enrolment(station, earlier, authority)
    certificate = authority.issue(command.csr_der, unit.context.organization_id, station.station_id)
    now = unit.clock.now()
    # A station that enrols again got a new device or lost its key: the old ones end here.
    await enrolments.revoke_certificates(station.station_id, now)
    await enrolments.add_certificate(station.station_id, key_sha256, certificate)
    await enrolments.take_token(token_hash, key_sha256, certificate.serial, now)
    await unit.store(StationStore).set_status(station.station_id, StationStatus.ENROLLED, now, None)
    unit.record(
        StationEnrolled(
            station_id=station.station_id,
            station_name=station.name,
            certificate_serial=certificate.serial,
        )
    )
    return _enrolment(station, certificate, authority)


async def revoke_station(command: RevokeStation, unit: UnitOfWork) -> None:
    """Shut a station out.

    Raises:
        StationUnknownError: no such station.
        StationRevokedError: it is shut out already.
        StationInvalidError: the reason is missing.
    """
    if not command.reason.strip():
        raise StationInvalidError("say why the station is shut out", field="reason")
    station = await station_of(command.station_id, unit, lock=True)
    now = unit.clock.now()
    await unit.store(StationStore).set_status(
        station.station_id, StationStatus.REVOKED, now, command.reason
    )
    await unit.store(EnrolmentStore).revoke_certificates(station.station_id, now)
    unit.record(
        StationRevoked(
            station_id=station.station_id, station_name=station.name, reason=command.reason
        )
    )


def _enrolment(
    station: Station, certificate: IssuedCertificate, authority: CertificateAuthority
) -> Enrolment:
    return Enrolment(
        station_id=station.station_id,
        station_name=station.name,
        certificate_pem=certificate.certificate_pem,
        ca_pem=authority.ca_pem,
        not_after=certificate.not_after,
    )
