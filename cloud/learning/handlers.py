"""One function per command and query of learning."""

import re
from dataclasses import replace
from math import isfinite

from cloud.commands.command import Command, Query
from cloud.commands.ports import Handler, UnitOfWork
from cloud.inspection.reading import is_kind_name
from cloud.learning.bank import LARGEST_BANK_BYTES, is_style
from cloud.learning.commands import NameFlaw, RecordCalibration, TeachStyle, WithdrawBank
from cloud.learning.errors import (
    BankInvalidError,
    BankUnknownError,
    BankWithdrawnError,
    CalibrationInvalidError,
    FindingUnknownError,
    NamingInvalidError,
    WithdrawalInvalidError,
)
from cloud.learning.events import BankWithdrawn, FlawNamed, StationCalibrated, StyleTaught
from cloud.learning.naming import MOST_FINDINGS, examples_by_bundle, is_description
from cloud.learning.ports import (
    BankReader,
    BankStore,
    CalibrationStore,
    KindLearner,
    NamingStore,
)
from cloud.learning.queries import (
    CalibrationView,
    LearnedContents,
    LearnedForStation,
    ListCalibrations,
    ListNamedKinds,
    ListTaughtBanks,
    NamedKindView,
    TaughtBankView,
)

#: One more than a page of an interface holds, so that it knows whether there is a next one.
_LARGEST_PAGE_COUNT = 1_000
_CALIBRATION = re.compile("cal_[0-9A-HJKMNP-TV-Z]{26}")


async def name_flaw(command: NameFlaw, unit: UnitOfWork) -> None:
    """Keep what a person calls a finding.

    Raises:
        FindingUnknownError: no such inspection or finding.
        NamingInvalidError: no name, no description, or one in the words of another bundle.
    """
    store = unit.store(NamingStore)
    if command.kind and not is_kind_name(command.kind):
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


async def teach_style(command: TeachStyle, unit: UnitOfWork) -> None:
    """Keep a bank that was taught at a station.

    Raises:
        BankInvalidError: damaged, larger than 10 KB, or another style's.
    """
    size_bytes = len(command.bank)
    if size_bytes > LARGEST_BANK_BYTES:
        raise BankInvalidError(f"{size_bytes} bytes, at most {LARGEST_BANK_BYTES}", field="bank")
    facts = unit.store(BankReader).read(command.bank)
    if facts is None:
        raise BankInvalidError("the bank is damaged", field="bank")
    if facts.style != command.style or not is_style(command.style):
        raise BankInvalidError(f"the bank is that of {facts.style!r}", field="style")
    now, by = unit.clock.now(), unit.context.user
    taught = replace(command, taught_at=min(command.taught_at, now))
    if await unit.store(BankStore).add(taught, facts, by, now):
        unit.record(
            StyleTaught(
                bank_id=command.bank_id,
                style=command.style,
                station_id=command.station_id,
                piece_count=facts.piece_count,
                taught_by=by,
            )
        )


async def withdraw_bank(command: WithdrawBank, unit: UnitOfWork) -> TaughtBankView:
    """Let a bank count nowhere any more.

    Raises:
        WithdrawalInvalidError: no reason is given.
        BankUnknownError: no such bank.
        BankWithdrawnError: it was withdrawn before.
    """
    if not command.reason.strip():
        raise WithdrawalInvalidError("a withdrawal states its reason", field="reason")
    store, now, by = unit.store(BankStore), unit.clock.now(), unit.context.user
    bank = await store.find(command.bank_id)
    if bank is None:
        raise BankUnknownError(f"no bank {command.bank_id}", bank_id=command.bank_id)
    if bank.withdrawn_at is not None:
        raise BankWithdrawnError("the bank is withdrawn already", bank_id=command.bank_id)
    await store.withdraw(command.bank_id, by, command.reason, now)
    unit.record(
        BankWithdrawn(
            bank_id=bank.bank_id,
            style=bank.style,
            station_id=bank.station_id,
            reason=command.reason,
            withdrawn_by=by,
        )
    )
    return replace(
        bank, in_use=False, withdrawn_by=by, withdrawn_at=now, withdrawn_reason=command.reason
    )


async def record_calibration(command: RecordCalibration, unit: UnitOfWork) -> None:
    """Keep how a station was calibrated.

    Raises:
        CalibrationInvalidError: its number is none, or something measured cannot be.
    """
    if not _CALIBRATION.fullmatch(command.calibration_id):
        raise CalibrationInvalidError("that is no number of a calibration", field="calibration_id")
    board, check_mm = command.board, command.check_mm or 0.0
    lengths = (board.square_mm, board.marker_mm, command.camera_height_mm, check_mm)
    numbers = (*lengths, command.rms_px, command.residual_px, command.coverage_ratio)
    if not all(isfinite(number) and number >= 0 for number in numbers):
        raise CalibrationInvalidError("a number is negative or not finite", field="rms_px")
    now, by = unit.clock.now(), unit.context.user
    made = replace(command, calibrated_at=min(command.calibrated_at, now))
    if await unit.store(CalibrationStore).add(made, by, now):
        unit.record(
            StationCalibrated(
                calibration_id=command.calibration_id,
                station_id=command.station_id,
                rms_px=command.rms_px,
                board=board.name,
                calibrated_by=by,
            )
        )


async def learned_for_station(query: LearnedForStation, unit: UnitOfWork) -> LearnedContents:
    """Learn kinds from the newest word on every finding, and choose each style's newest bank."""
    store, learner = unit.store(NamingStore), unit.store(KindLearner)
    by_bundle = examples_by_bundle(await store.newest())
    return LearnedContents(
        prototypes=tuple(learner.learn(found, digest) for digest, found in by_bundle.items()),
        own_naming_count=await store.count_of(query.station_id),
        styles=tuple(await unit.store(BankStore).styles()),
    )


async def list_taught_banks(query: ListTaughtBanks, unit: UnitOfWork) -> tuple[TaughtBankView, ...]:
    """Return taught banks, newest first."""
    limit = max(1, min(query.limit, _LARGEST_PAGE_COUNT))
    return tuple(await unit.store(BankStore).newest(limit, query.before))


async def list_named_kinds(query: ListNamedKinds, unit: UnitOfWork) -> tuple[NamedKindView, ...]:
    """Return the kinds that people named, by name; the newest word on each finding counts."""
    found: dict[tuple[str, str], NamedKindView] = {}
    fewest_count = unit.store(KindLearner).fewest_count
    for naming in await unit.store(NamingStore).newest():
        key = (naming.kind, naming.bundle_digest)
        known = found.get(key)
        found[key] = NamedKindView(
            kind=naming.kind,
            bundle_digest=naming.bundle_digest,
            naming_count=1 + (known.naming_count if known else 0),
            fewest_count=fewest_count,
            last_named_at=max(naming.named_at, known.last_named_at) if known else naming.named_at,
        )
    return tuple(found[key] for key in sorted(found))


async def list_calibrations(
    query: ListCalibrations, unit: UnitOfWork
) -> tuple[CalibrationView, ...]:
    """Return calibrations, newest first."""
    limit = max(1, min(query.limit, _LARGEST_PAGE_COUNT))
    store = unit.store(CalibrationStore)
    return tuple(await store.of_station(query.station_id, limit, query.before))


COMMANDS: dict[type[Command], Handler] = {
    NameFlaw: name_flaw,
    TeachStyle: teach_style,
    WithdrawBank: withdraw_bank,
    RecordCalibration: record_calibration,
}
QUERIES: dict[type[Query], Handler] = {
    LearnedForStation: learned_for_station,
    ListTaughtBanks: list_taught_banks,
    ListNamedKinds: list_named_kinds,
    ListCalibrations: list_calibrations,
}
