"""What stands where the pipeline could not be opened: it judges nothing and says why."""

from edge.station.errors import InspectionUnavailableError
from edge.station.inspection_record import InspectionRecord, InspectionTask, Shot


class RefusingInspector:
    """Implements the station's `Inspector` by its error alone."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    async def inspect(self, shot: Shot, task: InspectionTask) -> InspectionRecord:
        """Refuse.

        Raises:
            InspectionUnavailableError: always; its detail names what is missing.
        """
        raise InspectionUnavailableError(self.reason, detail=self.reason)
