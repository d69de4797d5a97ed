"""Makes the wished configuration true at the station, or says why not."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from edge.capture.capabilities import CameraCapabilities, check_settings
from edge.capture.errors import CameraLacksControlError, CaptureError
from edge.infrastructure.configuration_document import StationConfiguration, parse_configuration
from edge.infrastructure.configuration_files import (
    ConfigurationFolder,
    ConfigurationReport,
    Configured,
)
from edge.station.errors import ConfigurationDamagedError, ConfigurationError

LOG = logging.getLogger("kyndof.configuration")
LOOK_S = 0.5
#: The wish names settings of a camera that is not there to be asked.
CAMERA_AWAY = "CAMERA_AWAY"


@dataclass(frozen=True, slots=True, kw_only=True)
class Configurable:
    """What a configuration acts on.

    ``apply`` uses a document from now on and raises `CaptureError` when the camera does not take
    it; ``is_idle`` says whether no piece is being judged; ``check`` raises `ConfigurationError`
    for what lies outside of the camera and cannot be used.
    """

    capabilities: Callable[[], CameraCapabilities | None]
    apply: Callable[[StationConfiguration], None]
    is_idle: Callable[[], bool]
    check: Callable[[StationConfiguration], None] = lambda _wished: None


class ConfigurationWatch:
    """Looks at wish and camera, again and again: a change that was missed cannot matter.

    Order of a swap: judge, write the new document durably with the old one beside it, apply,
    report. Killed anywhere in between, the next start finds one whole document and uses it.
    """

    def __init__(self, folder: ConfigurationFolder, station: Configurable) -> None:
        self._folder = folder
        self._station = station
        self._current: Configured | None = None
        self._judged: tuple[object, ...] = ()
        self._camera: CameraCapabilities | None = None
        self._unusable = ""

    def trouble(self) -> str:
        """Say why the document in use cannot be used as it was; empty when it can.

        A release may have taken a profile away that it names.
        """
        return self._unusable

    def start(self) -> None:
        """Use what was in use before; without it, or when it is no longer understood, nothing."""
        current = self._folder.current()
        if current is None:
            self._tell(ConfigurationReport())
            return
        try:
            self._station.apply(parse_configuration(current.document))
        except (ConfigurationError, CaptureError) as error:
            LOG.error("configuration not usable", extra={"code": error.code, "reason": str(error)})  # noqa: TRY400
            self._unusable = str(error)
        else:
            self._current = current
            self._tell(ConfigurationReport(digest=current.digest, wished=current.digest))

    async def run(self) -> None:
        """Look twice a second until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self.look)
            except OSError as error:
                LOG.error(  # noqa: TRY400 - the reason says all
                    "configuration not written",
                    extra={"alarm": "CONFIGURATION_NOT_WRITTEN", "reason": str(error)},
                )
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        """Compare what is wished with what is in use, once."""
        camera = self._station.capabilities()
        if camera is not None and camera != self._camera:
            self._folder.show_camera(camera)
            self._camera = camera
            self._look_for_profile(camera)
        seen = (self._folder.mark(), camera)
        if seen == self._judged:
            return
        wished = self._folder.wished()
        if wished is None or self._is_settled(wished):
            self._judged = seen
            return
        report = self._judge(wished, camera)
        if report is not None:
            self._tell(report)
            # The swap itself changed the mark.
            self._judged = (self._folder.mark(), camera)

    def _look_for_profile(self, camera: CameraCapabilities) -> None:
        """Tell a profile of the camera that is gone: its settings are the camera's own then."""
        if self._current is None:
            return
        profile = parse_configuration(self._current.document).camera.profile
        missing = bool(profile) and profile not in camera.profiles
        self._unusable = f"no profile {profile} lies at the station" if missing else ""
        if missing:
            LOG.error("configuration not usable", extra={"reason": self._unusable})

    def _is_settled(self, wished: Configured) -> bool:
        current = self._current
        if current is None or wished.station_id != current.station_id:
            return False
        if wished.digest == current.digest:
            if self._folder.report().wished != wished.digest:
                self._tell(ConfigurationReport(digest=current.digest, wished=current.digest))
            return True
        if wished.generation < current.generation:
            LOG.error(
                "older configuration ignored",
                extra={
                    "alarm": "GENERATION_WENT_BACK",
                    "wished": wished.generation,
                    "applied": current.generation,
                },
            )
            return True
        return False

    def _judge(
        self, wished: Configured, camera: CameraCapabilities | None
    ) -> ConfigurationReport | None:
        """Take or refuse a wish; None: not now, look again."""
        used = self._current.digest if self._current else ""
        try:
            document = _dry_run(wished, camera, self._station.check)
            if document is None:
                return ConfigurationReport(digest=used, wished=wished.digest, detail=CAMERA_AWAY)
            if not self._station.is_idle():
                return None
            self._swap(wished, document)
        except (ConfigurationError, CaptureError) as error:
            LOG.warning(
                "configuration refused",
                extra={"code": error.code, "reason": str(error), "digest": wished.digest},
            )
            return ConfigurationReport(
                digest=used, wished=wished.digest, refusal=error.code, detail=str(error)
            )
        LOG.info(
            "configuration applied",
            extra={"generation": wished.generation, "digest": wished.digest},
        )
        return ConfigurationReport(digest=wished.digest, wished=wished.digest)

    def _swap(self, wished: Configured, document: StationConfiguration) -> None:
        kept = self._current
        self._folder.swap(wished)
        try:
            self._station.apply(document)
        except (CaptureError, ConfigurationError):
            self._folder.restore(kept)
            old = parse_configuration(kept.document) if kept else StationConfiguration()
            self._station.apply(old)
            raise
        self._current = wished
        self._unusable = ""

    def _tell(self, report: ConfigurationReport) -> None:
        self._folder.tell(report)


def _dry_run(
    wished: Configured,
    camera: CameraCapabilities | None,
    check: Callable[[StationConfiguration], None],
) -> StationConfiguration | None:
    """Return the document when the camera can take it; None while there is none to ask.

    Raises:
        ConfigurationError: damaged, too large, not what the schema says, or a profile is missing.
        CaptureError: the camera cannot be set so.
    """
    if not wished.is_whole:
        raise ConfigurationDamagedError(f"the document is not {wished.digest}")
    document = parse_configuration(wished.document)
    check(document)
    if not document.camera.model_dump(exclude_none=True):
        return document
    if camera is None:
        return None
    profile = document.camera.profile
    if profile and profile not in camera.profiles:
        raise CameraLacksControlError(f"no profile {profile} lies at the station")
    check_settings(document.camera_settings(), camera)
    return document
