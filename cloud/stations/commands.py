"""What may be asked of the stations' room."""

from dataclasses import dataclass

from cloud.commands.command import Command, summed_up_field
from cloud.stations.event_columns import EventColumns as EventColumns
from cloud.stations.event_columns import EventEnvelope as EventEnvelope
from cloud.stations.event_columns import EventFault as EventFault

#: A number in the unit that the name of the setting beside it ends in.
InItsUnit = float


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterStation(Command):
    """Give a station a name and the stages that it takes."""

    domain = "stations"

    name: str
    stages: tuple[str, ...]
    title_ko: str
    title_en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueJoinToken(Command):
    """Let one device, known by its serial, become this station within ``valid_s`` seconds."""

    domain = "stations"
    secret_answer = True

    station_id: str
    serial: str
    valid_s: int = 1800


@dataclass(frozen=True, slots=True, kw_only=True)
class EnrolStation(Command):
    """Exchange a join token, named by its SHA-256 in hex, and a PKCS#10 request."""

    domain = "stations"

    join_token_hash: str
    csr_der: bytes
    serial: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RenewStationCertificate(Command):
    """Exchange a PKCS#10 request by a new key, and the certificate in use, for the next one."""

    domain = "stations"

    station_id: str
    certificate_serial: str
    csr_der: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class RevokeStation(Command):
    """Shut a station out for good; its stream ends within seconds."""

    domain = "stations"

    station_id: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenStationStream(Command):
    """Say hello with an outbox; the cloud gives it its epoch.

    ``epoch`` is what the outbox believes, 0 when it has none. ``live_epoch`` is the epoch of the
    stream that is open at this moment, 0 without one: an older outbox never replaces a newer one
    that is alive. ``certificate_serial`` is the certificate that the connection shows, empty for
    what came by hand: the one that it renews ends here.
    """

    domain = "stations"

    station_id: str
    outbox_id: str
    epoch: int
    live_epoch: int
    agent_version: str
    certificate_serial: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordStationEvents(Command):
    """Append consecutive events of one stream to the log.

    It needs no stored answer to be sent twice safely: the cursor of (station, epoch, stream) is
    locked, everything up to it is dropped as known, and the answer is the cursor.
    ``prev_digest`` is the rolling digest before ``first_seq``, 0 when unknown. In the audit
    ``content_sha256``, in hex and over the batch as it came, stands for the events.
    """

    domain = "stations"

    station_id: str
    epoch: int
    stream: str
    first_seq: int
    prev_digest: int
    content_sha256: str
    events: EventColumns = summed_up_field()  # noqa: RUF009  it makes a field

    def check(self) -> None:
        """Refuse columns of different lengths.

        Raises:
            ValueError: they are no columns of one table.
        """
        self.events.check()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordStationGap(Command):
    """Note numbers of a stream that will never come, and why."""

    domain = "stations"

    station_id: str
    epoch: int
    stream: str
    first_seq: int
    last_seq: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordStationPresence(Command):
    """Note that a station came or went."""

    domain = "stations"

    station_id: str
    online: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StationSnapshot:
    """A station's own summary of itself."""

    worker: str
    piece_id: str
    step_id: str
    phase: str
    alarms: tuple[str, ...]
    finished_count: int
    failed_count: int
    spool_count: int
    bundle: str
    package_digest: str
    camera: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmChange:
    """An alarm came (``raised``) or went."""

    code: str
    detail: str
    raised: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordStationState(Command):
    """Note what a station shows; what is ``None`` stays as it was.

    ``snapshot`` is the newest of the station's own snapshots, with its place (``epoch``, ``seq``);
    an older one than the stored is ignored. ``worker`` is the badge scanned last and ``alarms``
    what came and went, in order; a station's snapshot counts more than both.
    """

    domain = "stations"

    station_id: str
    epoch: int
    seq: int
    snapshot: StationSnapshot | None = None
    worker: str | None = None
    alarms: tuple[AlarmChange, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigureStation(Command):
    """Wish a configuration of a station: ``document`` is JSON, what it leaves open stays as is."""

    domain = "stations"

    station_id: str
    document: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationReport:
    """Digest of the configuration in use, and why the ``wished`` one is not.

    ``refusal`` is a code, empty while the wished one is used or still waits.
    """

    digest: str
    wished: str
    refusal: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraControl:
    """Range of one setting of a camera, in the unit that the name ends in."""

    name: str
    minimum: InItsUnit
    maximum: InItsUnit


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraCapabilities:
    """What a station's camera lets itself be set to; ``sizes_px`` are (width, height).

    ``profiles`` are files of settings that lie there, the other two those of scanners and lights.
    """

    camera: str
    controls: tuple[CameraControl, ...] = ()
    sizes_px: tuple[tuple[int, int], ...] = ()
    profiles: tuple[str, ...] = ()
    scanner_profiles: tuple[str, ...] = ()
    light_profiles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordStationReport(Command):
    """Note what a station made of the cloud's wish; what is ``None`` it did not say."""

    domain = "stations"

    station_id: str
    observed_generation: int
    work_digest: str
    state: str
    detail: str
    configuration: ConfigurationReport | None = None
    camera: CameraCapabilities | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportStationFault(Command):
    """Put something suspicious about a station on record: a clone, a token used twice."""

    domain = "stations"

    station_id: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DisputeEvent(Command):
    """Mark a fact from the floor that a rule refuses; ``code`` is the refusal's."""

    domain = "stations"

    station_id: str
    event_id: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveDispute(Command):
    """Decide a dispute: ACCEPTED or REJECTED, with a reason."""

    domain = "stations"

    event_id: str
    decision: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReopenDispute(Command):
    """Put an accepted fact before a person again: a rule still refuses it, by ``code``."""

    domain = "stations"

    station_id: str
    event_id: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BuryEvent(Command):
    """Put an accepted event that no command can carry among the dead letters."""

    domain = "stations"

    station_id: str
    epoch: int
    stream: str
    seq: int
    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreMedia(Command):
    """Make a verified picture visible to the organization."""

    domain = "stations"

    station_id: str
    sha256: str
    size_bytes: int
    content_type: str
    event_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordStationImport(Command):
    """Note that a station's file was taken in by hand, and what came of it.

    ``file_digest`` is the file's chain, SHA-256 in hex, that the station signed.
    """

    domain = "stations"

    station_id: str
    file_digest: str
    events_new_count: int
    events_known_count: int
    pictures_new_count: int
    pictures_known_count: int
    pictures_refused_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One line of a station's log, as the station sent it: without secrets, 500 characters."""

    at: str
    level: str
    logger: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AskForStationLogs(Command):
    """Ask a station for its newest warnings and errors; a question that waits stays the same."""

    domain = "stations"

    station_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordStationLogs(Command):
    """Keep what a station answered; an answer that nobody waits for changes nothing.

    ``refusal`` is the code of why its answer was not taken: the question ends without lines.
    """

    domain = "stations"

    station_id: str
    log_request_id: str
    lines: tuple[LogLine, ...]
    left_out_count: int
    refusal: str = ""
