# ruff: noqa: N802 - the wire names the methods
"""A small cloud that speaks real gRPC over real TLS and can misbehave on request.

It keeps what it committed in memory: that is what tests compare with what producers sent.
"""

import asyncio
import hashlib
from dataclasses import dataclass, field

import grpc
from cryptography import x509
from kyndof_wire.artifacts.v1 import artifacts_pb2_grpc
from kyndof_wire.enrolment.v1 import enrolment_pb2, enrolment_pb2_grpc
from kyndof_wire.fleet.v1 import fleet_pb2, fleet_pb2_grpc
from kyndof_wire.media.v1 import media_pb2, media_pb2_grpc
from kyndof_wire.sync.v1 import sync_pb2, sync_pb2_grpc

from edge.outbox.record import rolling_digest
from tests.fakes.authority import Authority
from tests.fakes.releases import Artifacts, Shelf

ORGANIZATION = "org_01K0DEM0000000000000000000"
STATION = "sta_01K0STAT10N000000000000000"


@dataclass
class Stream:
    seq: int = 0
    digest: int = 0
    events: list = field(default_factory=list)


@dataclass
class Beat:
    """A heartbeat, and how many events had come before it."""

    beat: sync_pb2.Heartbeat
    events_before: int


@dataclass
class Ledger:
    """What the cloud has committed; outlives the server as a database does."""

    epochs: dict = field(default_factory=dict)
    streams: dict = field(default_factory=dict)
    duplicates: int = 0
    gaps: list = field(default_factory=list)
    hellos: list = field(default_factory=list)
    beats: list = field(default_factory=list)
    media: dict = field(default_factory=dict)
    reports: list = field(default_factory=list)
    most_unacknowledged: int = 0

    def epoch_of(self, outbox_id):
        return self.epochs.setdefault(outbox_id, len(self.epochs) + 1)

    def stream(self, epoch, name):
        return self.streams.setdefault((epoch, name), Stream())

    def all_events(self, name="events"):
        return [
            event
            for (_, stream), content in sorted(self.streams.items())
            if stream == name
            for event in content.events
        ]


@dataclass
class Mischief:
    """What goes wrong, switched by tests."""

    silent: bool = False
    lose_acks: int = 0
    refuse: grpc.StatusCode | None = None
    reject_types: set = field(default_factory=set)
    package_damage: bool = False
    media_mismatches: int = 0
    media_declined: bool = False
    status: str = "known"
    lose_reports: int = 0
    credit_events: int = 0
    hold_acks: bool = False


class EventSync(sync_pb2_grpc.EventSyncServiceServicer):
    def __init__(self, ledger, mischief):
        self._ledger, self._mischief = ledger, mischief
        self._held = []

    async def StreamEvents(self, requests, context):
        if self._mischief.refuse:
            await context.abort(self._mischief.refuse, "refused by the test")
        epoch = 0
        async for request in requests:
            kind = request.WhichOneof("payload")
            if self._mischief.silent:
                await asyncio.sleep(3600)
            if kind == "hello":
                self._ledger.hellos.append(request.hello)
                epoch = self._ledger.epoch_of(request.hello.outbox_id)
                yield self._welcome(epoch)
            elif kind == "batch":
                for acknowledged in await self._take(epoch, request.batch, context):
                    yield acknowledged
            elif kind == "gap":
                self._ledger.gaps.append(request.gap)
                stream = self._ledger.stream(epoch, request.gap.stream)
                stream.seq, stream.digest = request.gap.last_seq, 0
            elif kind == "heartbeat":
                ledger = self._ledger
                ledger.beats.append(Beat(request.heartbeat, len(ledger.all_events())))
                number = len(ledger.beats)
                yield sync_pb2.StreamEventsResponse(heartbeat=sync_pb2.Heartbeat(number=number))
                for held in self._released():
                    yield held

    async def _take(self, epoch, batch, context):
        ack = await self._commit(epoch, batch, context)
        if self._mischief.lose_acks:
            self._mischief.lose_acks -= 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "lost on the way")
        self._held.append((ack, len(batch.events)))
        waiting = sum(count for _, count in self._held)
        self._ledger.most_unacknowledged = max(self._ledger.most_unacknowledged, waiting)
        return self._released()

    def _released(self):
        """The acknowledgements that may go out, with the credit that holds now."""
        if self._mischief.hold_acks:
            return []
        held, self._held = self._held, []
        for ack, _ in held:
            ack.credit_events = self._mischief.credit_events
        return [sync_pb2.StreamEventsResponse(ack=ack) for ack, _ in held]

    def _welcome(self, epoch):
        positions = [
            sync_pb2.StreamPosition(stream=name, seq=content.seq, digest=content.digest)
            for (of, name), content in self._ledger.streams.items()
            if of == epoch
        ]
        return sync_pb2.StreamEventsResponse(
            welcome=sync_pb2.Welcome(
                epoch=epoch,
                resume_after=positions,
                credit_events=self._mischief.credit_events,
            )
        )

    async def _commit(self, epoch, batch, context):
        stream = self._ledger.stream(epoch, batch.stream)
        if batch.first_seq > stream.seq + 1:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, f"expected {stream.seq + 1}")
        if batch.first_seq == stream.seq + 1 and batch.prev_digest not in {0, stream.digest}:
            await context.abort(grpc.StatusCode.DATA_LOSS, "digest differs")
        rejected = []
        for seq, event in enumerate(batch.events, start=batch.first_seq):
            if seq <= stream.seq:
                self._ledger.duplicates += 1
                continue
            if event.type in self._mischief.reject_types:
                rejected.append(sync_pb2.Rejection(seq=seq, code="UNKNOWN_TYPE"))
            stream.events.append(event)
            stream.seq = seq
            stream.digest = rolling_digest(stream.digest, event.event_id, event.payload)
        return sync_pb2.Ack(stream=batch.stream, committed_seq=stream.seq, rejected=rejected)


class Fleet(fleet_pb2_grpc.FleetServiceServicer):
    def __init__(self, ledger, mischief):
        self._ledger, self._mischief = ledger, mischief
        self._packages = {}
        self._wish = fleet_pb2.WatchDesiredStateResponse()
        self._changed = asyncio.Condition()

    async def wish(self, generation, package):
        digest = hashlib.sha256(package).hexdigest()
        self._packages[digest] = package
        await self.desire(generation=generation, work_digest=digest)
        return digest

    async def desire(self, **wish):
        """Wish anything; what is not named stays unsaid."""
        async with self._changed:
            self._wish = fleet_pb2.WatchDesiredStateResponse(**wish)
            self._changed.notify_all()

    async def WatchDesiredState(self, request, context):
        said = None
        while True:
            async with self._changed:
                while self._wish == said:
                    await self._changed.wait()
                said = self._wish
            if said.generation:
                yield said

    async def GetWorkPackage(self, request, context):
        package = self._packages[request.work_digest]
        if self._mischief.package_damage:
            package += b"!"
        return fleet_pb2.GetWorkPackageResponse(work_package=package)

    async def ReportState(self, request, context):
        if self._mischief.lose_reports:
            self._mischief.lose_reports -= 1
            await context.abort(grpc.StatusCode.UNAVAILABLE, "report lost on the way")
        self._ledger.reports.append(request)
        return fleet_pb2.ReportStateResponse()


class Media(media_pb2_grpc.MediaServiceServicer):
    def __init__(self, ledger, mischief):
        self._ledger, self._mischief = ledger, mischief
        self._uploads = {}

    async def OfferMedia(self, request, context):
        if self._mischief.media_declined:
            return media_pb2.OfferMediaResponse(decision=media_pb2.MEDIA_DECISION_DECLINE)
        if request.sha256 in self._ledger.media:
            return media_pb2.OfferMediaResponse(decision=media_pb2.MEDIA_DECISION_HAVE)
        upload_id = request.sha256.hex()
        self._uploads[upload_id] = b""
        return media_pb2.OfferMediaResponse(
            decision=media_pb2.MEDIA_DECISION_WANT, upload_id=upload_id
        )

    async def UploadMedia(self, requests, context):
        size = 0
        async for part in requests:
            self._uploads[part.upload_id] += part.data
            size = len(self._uploads[part.upload_id])
        return media_pb2.UploadMediaResponse(persisted_offset_bytes=size)

    async def CompleteMedia(self, request, context):
        content = self._uploads.pop(request.upload_id)
        if self._mischief.media_mismatches:
            self._mischief.media_mismatches -= 1
            content += b"!"
        if hashlib.sha256(content).digest() != request.sha256:
            return media_pb2.CompleteMediaResponse(stored=False, reason="SHA-256 differs")
        self._ledger.media[request.sha256] = content
        return media_pb2.CompleteMediaResponse(stored=True)


class Enrolment(enrolment_pb2_grpc.EnrolmentServiceServicer):
    def __init__(self, authority, mischief, tokens):
        self._authority, self._mischief, self._tokens = authority, mischief, tokens
        self.requests = []

    async def Enrol(self, request, context):
        self.requests.append(request)
        csr = x509.load_der_x509_csr(request.csr_der)
        key = csr.public_key().public_numbers()
        if request.join_token not in self._tokens:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, "unknown token")
        if self._tokens[request.join_token] not in {None, key}:
            await context.abort(grpc.StatusCode.ALREADY_EXISTS, "used with another key")
        self._tokens[request.join_token] = key
        return enrolment_pb2.EnrolResponse(
            certificate_pem=self._authority.sign_station(csr.public_key(), ORGANIZATION, STATION),
            ca_pem=self._authority.pem,
            station_id=STATION,
            organization_id=ORGANIZATION,
            station_name="CUT-01",
            organization_code="demo",
        )

    async def GetStatus(self, request, context):
        return enrolment_pb2.GetStatusResponse(status=self._mischief.status)


class CloudServer:
    """Both ports. Start it again on the same ports and ledger, as a restarted cloud."""

    def __init__(self, authority=None, ledger=None, tokens=None):
        self.authority = authority or Authority()
        self.ledger = ledger or Ledger()
        self.mischief = Mischief()
        self.shelf = Shelf()
        self.tokens = {} if tokens is None else tokens
        self.port = self.enrolment_port = 0
        self._servers = []

    async def start(self):
        issued = self.authority.server()
        pair = [(issued.key_pem, issued.certificate_pem)]
        options = [("grpc.so_reuseport", 0)]
        self.fleet = Fleet(self.ledger, self.mischief)
        self.enrolment = Enrolment(self.authority, self.mischief, self.tokens)
        intake = grpc.aio.server(options=options)
        sync_pb2_grpc.add_EventSyncServiceServicer_to_server(
            EventSync(self.ledger, self.mischief), intake
        )
        fleet_pb2_grpc.add_FleetServiceServicer_to_server(self.fleet, intake)
        media_pb2_grpc.add_MediaServiceServicer_to_server(Media(self.ledger, self.mischief), intake)
        artifacts_pb2_grpc.add_ArtifactServiceServicer_to_server(Artifacts(self.shelf), intake)
        mutual = grpc.ssl_server_credentials(pair, self.authority.pem, require_client_auth=True)
        self.port = intake.add_secure_port(f"127.0.0.1:{self.port}", mutual)
        door = grpc.aio.server(options=options)
        enrolment_pb2_grpc.add_EnrolmentServiceServicer_to_server(self.enrolment, door)
        self.enrolment_port = door.add_secure_port(
            f"127.0.0.1:{self.enrolment_port}", grpc.ssl_server_credentials(pair)
        )
        self._servers = [intake, door]
        for server in self._servers:
            await server.start()
        return self

    async def stop(self):
        for server in self._servers:
            await server.stop(None)
        self._servers = []

    async def __aenter__(self):
        return await self.start()

    async def __aexit__(self, *_):
        await self.stop()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def enrolment_address(self):
        return f"127.0.0.1:{self.enrolment_port}"
