"""One function per command and query of the stations' room."""

from cloud.commands.command import Command, Query
from cloud.commands.ports import Handler
from cloud.stations.commands import (
    AskForStationLogs,
    BuryEvent,
    ConfigureStation,
    DisputeEvent,
    EnrolStation,
    IssueJoinToken,
    OpenStationStream,
    RecordStationEvents,
    RecordStationGap,
    RecordStationImport,
    RecordStationLogs,
    RecordStationPresence,
    RecordStationReport,
    RecordStationState,
    RegisterStation,
    RenewStationCertificate,
    ReopenDispute,
    ReportStationFault,
    ResolveDispute,
    RevokeStation,
    StoreMedia,
)
from cloud.stations.handlers.administration import (
    enrol_station,
    issue_join_token,
    register_station,
    revoke_station,
)
from cloud.stations.handlers.answers import (
    find_media,
    find_station,
    list_disputes,
    list_stations,
    station_standing,
)
from cloud.stations.handlers.configuration import (
    configure_station,
    find_station_configuration,
    list_station_configurations,
    station_configuration_document,
)
from cloud.stations.handlers.disputes import dispute_event, reopen_dispute, resolve_dispute
from cloud.stations.handlers.intake import (
    bury_event,
    open_station_stream,
    record_station_events,
    record_station_gap,
    record_station_import,
    record_station_presence,
    record_station_report,
    record_station_state,
    report_station_fault,
    store_media,
)
from cloud.stations.handlers.logs import (
    ask_for_station_logs,
    find_station_logs,
    record_station_logs,
)
from cloud.stations.handlers.renewal import renew_station_certificate
from cloud.stations.queries import (
    FindMedia,
    FindStation,
    FindStationConfiguration,
    FindStationLogs,
    ListDisputes,
    ListStationConfigurations,
    ListStations,
    StationConfigurationDocument,
    StationStanding,
)

COMMANDS: dict[type[Command], Handler] = {
    RegisterStation: register_station,
    IssueJoinToken: issue_join_token,
    EnrolStation: enrol_station,
    RenewStationCertificate: renew_station_certificate,
    RevokeStation: revoke_station,
    OpenStationStream: open_station_stream,
    RecordStationEvents: record_station_events,
    RecordStationGap: record_station_gap,
    RecordStationImport: record_station_import,
    AskForStationLogs: ask_for_station_logs,
    RecordStationLogs: record_station_logs,
    RecordStationPresence: record_station_presence,
    RecordStationState: record_station_state,
    RecordStationReport: record_station_report,
    ReportStationFault: report_station_fault,
    DisputeEvent: dispute_event,
    BuryEvent: bury_event,
    ResolveDispute: resolve_dispute,
    ReopenDispute: reopen_dispute,
    StoreMedia: store_media,
    ConfigureStation: configure_station,
}
QUERIES: dict[type[Query], Handler] = {
    ListStations: list_stations,
    FindStation: find_station,
    StationStanding: station_standing,
    ListDisputes: list_disputes,
    FindMedia: find_media,
    FindStationConfiguration: find_station_configuration,
    ListStationConfigurations: list_station_configurations,
    StationConfigurationDocument: station_configuration_document,
    FindStationLogs: find_station_logs,
}
