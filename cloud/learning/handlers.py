"""One function per command and query of learning."""

from cloud.commands.command import Command, Query
from cloud.commands.ports import Handler, UnitOfWork
from cloud.learning.commands import NameFlaw
from cloud.learning.errors import FindingUnknownError, NamingInvalidError
from cloud.learning.events import FlawNamed
from cloud.learning.naming import MOST_FINDINGS, examples_by_bundle, is_description, is_name
from cloud.learning.ports import KindLearner, NamingStore
from cloud.learning.queries import LearnedContents, LearnedForStation


async def name_flaw(command: NameFlaw, unit: UnitOfWork) -> None:
    """Keep what a person calls a finding.

    Raises:
        FindingUnknownError: no such inspection or finding.
        NamingInvalidError: no name, no description, or one in the words of another bundle.
    """
    store = unit.store(NamingStore)
    if command.kind and not is_name(command.kind):
        raise NamingInvalidError("that is no name of a kind", field="kind")
    if command.kind and not is_description(command.description):
        raise NamingInvalidError(
            f"{len(command.description)} bytes describe no flaw", field="description"
        )
    is_place = 0 <= command.finding_index < MOST_FINDINGS
    finding = (
        await store.finding(command.inspection_id, command.finding_index) if is_place else None
    )
    if finding is None:
        raise FindingUnknownError(
            f"no finding {command.finding_index} of {command.inspection_id}",
            inspection_id=command.inspection_id,
            finding_index=command.finding_index,
        )
    if command.kind and finding.bundle_digest != command.bundle_digest:
        raise NamingInvalidError("another bundle found it", field="bundle_digest")
    if command.kind and len(finding.description) not in {0, len(command.description)}:
        raise NamingInvalidError("the bundle describes by another length", field="description")
    now, by = unit.clock.now(), unit.context.user
    # A clock that runs ahead must not have the last word for ever.
    if await store.add(command, by, min(command.named_at, now), now):
        unit.record(
            FlawNamed(
                naming_id=command.naming_id,
                inspection_id=command.inspection_id,
                finding_index=command.finding_index,
                kind=command.kind,
                station_id=command.station_id,
                named_by=by,
            )
        )


async def learned_for_station(query: LearnedForStation, unit: UnitOfWork) -> LearnedContents:
    """Learn kinds from the newest word on every finding of the organization."""
    store, learner = unit.store(NamingStore), unit.store(KindLearner)
    by_bundle = examples_by_bundle(await store.newest())
    return LearnedContents(
        prototypes=tuple(learner.learn(found, digest) for digest, found in by_bundle.items()),
        own_naming_count=await store.count_of(query.station_id),
    )


COMMANDS: dict[type[Command], Handler] = {NameFlaw: name_flaw}
QUERIES: dict[type[Query], Handler] = {LearnedForStation: learned_for_station}
