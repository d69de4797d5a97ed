"""Every mutating HTTP route and every gRPC method sends a command, or says why it does not."""

import ast
import importlib
import inspect
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute

from cloud.commands.command import command_type
from cloud.composition.core import compose_bus
from cloud.composition.graph import graph_router
from cloud.composition.serving import rest_routers
from cloud.interfaces.edge_intake import conversation, events_from_wire
from cloud.interfaces.edge_intake.servers import Servicers
from cloud.interfaces.webhooks import inbound
from cloud.settings import CloudSettings
from tests.architecture.rooms import commands

# (method, path below /api/v1) to the type of the command that it sends.
ROUTES = {
    ("POST", "/login"): "use_login_link",
    ("POST", "/login/password"): "sign_in_with_password",
    ("POST", "/login/openid"): "sign_in_with_provider",
    ("POST", "/password/link"): "use_password_link",
    ("POST", "/logout"): "end_session",
    ("POST", "/logout/everywhere"): "end_every_session",
    ("POST", "/me/password"): "change_password",
    ("POST", "/me/organization"): "switch_organization",
    ("POST", "/me/language"): "change_language",
    ("POST", "/me/leave"): "leave_organization",
    ("POST", "/me/keys"): "create_own_api_key",
    ("POST", "/me/access/{access_id}/end"): "end_own_access",
    ("POST", "/me/slack"): "link_slack_account",
    ("POST", "/me/slack/{team_id}/{slack_user_id}/removal"): "unlink_slack_account",
    ("POST", "/organization"): "rename_organization",
    ("POST", "/invitations"): "invite_person",
    ("POST", "/invitations/acceptance"): "accept_invitation",
    ("POST", "/invitations/{invitation_id}/revocation"): "revoke_invitation",
    ("POST", "/persons"): "add_person",
    ("POST", "/persons/names"): "rename_person",
    ("POST", "/persons/removal"): "remove_member",
    ("POST", "/persons/login-links"): "create_login_link",
    ("POST", "/persons/password-links"): "create_password_link",
    ("POST", "/keys"): "create_api_key",
    ("POST", "/keys/{key_id}/revocation"): "revoke_api_key",
    ("POST", "/tokens"): "issue_tokens",
    ("POST", "/tokens/refresh"): "refresh_tokens",
    ("POST", "/tokens/revocation"): "revoke_tokens",
    ("POST", "/device/tokens"): "take_device_tokens",
    ("POST", "/device/decisions"): "decide_device",
    ("POST", "/work-orders"): "create_work_order",
    ("POST", "/work-orders/import"): "import_work_order",
    ("POST", "/pieces/{piece_id}/rework"): "order_rework",
    ("POST", "/pieces/{piece_id}/overrides"): "override_step_order",
    ("POST", "/pieces/{piece_id}/decision"): "decide_piece",
    ("POST", "/specs/{spec_version}/corrections"): "correct_design",
    ("POST", "/inspections/{inspection_id}/corrections"): "correct_inspection",
    ("POST", "/taught-banks/{bank_id}/withdrawal"): "withdraw_bank",
    ("POST", "/stations"): "register_station",
    ("POST", "/stations/{station_id}/join-tokens"): "issue_join_token",
    ("POST", "/stations/{station_id}/revocation"): "revoke_station",
    ("PUT", "/stations/{station_id}/configuration"): "configure_station",
    ("POST", "/stations/{station_id}/logs"): "ask_for_station_logs",
    ("POST", "/rollouts"): "create_rollout",
    ("POST", "/rollouts/{rollout_id}/approval"): "approve_rollout",
    ("POST", "/rollouts/{rollout_id}/start"): "start_rollout",
    ("POST", "/rollouts/{rollout_id}/pause"): "pause_rollout",
    ("POST", "/rollouts/{rollout_id}/resumption"): "resume_rollout",
    ("POST", "/rollouts/{rollout_id}/halt"): "halt_rollout",
    ("POST", "/rollouts/{rollout_id}/return"): "roll_back_fleet",
    ("POST", "/disputes/{event_id}/resolution"): "resolve_dispute",
    ("POST", "/jobs/{job_id}/redrive"): "redrive_job",
    ("POST", "/notifications/read"): "mark_notifications_read",
    ("POST", "/notifications/wishes"): "change_notification_wishes",
    ("POST", "/sessions"): "start_session",
    ("POST", "/sessions/{session_id}/entries"): "append_to_session",
    ("POST", "/sessions/{session_id}/interface"): "switch_interface",
    ("POST", "/sessions/{session_id}/end"): "close_session",
    ("POST", "/webhooks/endpoints"): "create_webhook_endpoint",
    ("DELETE", "/webhooks/endpoints/{endpoint_id}"): "close_webhook_endpoint",
    ("POST", "/webhooks/secrets/{owner_id}/rotation"): "rotate_webhook_secret",
    ("POST", "/webhooks/subscriptions"): "create_webhook_subscription",
    ("PUT", "/webhooks/subscriptions/{subscription_id}"): "change_webhook_subscription",
    ("DELETE", "/webhooks/subscriptions/{subscription_id}"): "end_webhook_subscription",
    ("POST", "/webhooks/deliveries/{delivery_id}/resend"): "resend_webhook_delivery",
    ("POST", "/hooks/{endpoint_id}"): "receive_webhook",
    ("POST", "/approvals/{approval_id}/approval"): "approve_request",
    ("POST", "/approvals/{approval_id}/rejection"): "reject_request",
    ("POST", "/approvals/{approval_id}/changes"): "modify_request",
    ("POST", "/approvals/{approval_id}/undo"): "undo_approval",
    ("POST", "/approvals/{approval_id}/withdrawal"): "withdraw_request",
    ("POST", "/approvals/{approval_id}/advice"): "give_advice",
    ("POST", "/absences"): "record_absence",
    ("POST", "/absences/{absence_id}/end"): "end_absence",
    ("POST", "/delegations"): "delegate_authority",
    ("POST", "/delegations/{delegation_id}/revocation"): "revoke_delegation",
    ("POST", "/assignments"): "assign_work",
    ("POST", "/assignments/{assignment_id}/answer"): "answer_assignment",
}
# Routes that send whatever the catalogue names, or that ask with a body; with the reason.
GENERIC = {
    ("POST", "/commands/{type}"): "sends the command of the catalogue that its address names",
    ("POST", "/queries/{type}"): "a question with a body; changes nothing",
    ("POST", "/graphql"): "reads: the graph has no mutations",
}

# Routes that send none, each with the reason: nobody is known yet, and nothing is anybody's.
STRANGERS = {
    ("POST", "/login/openid/departure"): "keeps the state of a way out, for ten minutes",
    ("POST", "/me/slack/departure"): "keeps the state of a way out, for ten minutes",
    ("POST", "/device/codes"): "a device waits; a person decides by a command",
    ("POST", "/invitations/description"): "reads; the token shall stand in no address",
}

# gRPC method to the commands that it sends.
METHODS = {
    "CertificateService.RenewCertificate": {"renew_station_certificate"},
    "EnrolmentService.Enrol": {"enrol_station", "report_station_fault"},
    "EnrolmentService.RenewExpiredCertificate": {"renew_station_certificate"},
    "EventSyncService.StreamEvents": {
        "open_station_stream", "record_station_presence", "record_station_events",
        "record_station_gap", "report_station_fault",
    },
    "FleetService.ReportState": {"record_station_report", "record_model_report"},
    "FleetService.SendLogs": {"record_station_logs"},
    "MediaService.OfferMedia": {"store_media"},
    "MediaService.CompleteMedia": {"store_media"},
}  # fmt: skip
# gRPC method to the reason why it sends none.
BOOKKEEPING = {
    "ArtifactService.GetManifest": "reads",
    "ArtifactService.ReadChunks": "reads",
    "ArtifactService.GetTrust": "reads",
    "CertificateService.ProveCertificate": "answers that the door opens; nothing is kept",
    "CertificateService.GetTrustBundle": "reads",
    "EnrolmentService.GetRenewalNonce": "a number that is kept nowhere",
    "EnrolmentService.GetStatus": "answers whether a certificate is still good",
    "FleetService.WatchDesiredState": "tells a wish; nothing is kept",
    "FleetService.GetWorkPackage": "reads",
    "FleetService.GetConfiguration": "reads",
    "MediaService.UploadMedia": "bytes of a picture that nobody sees before CompleteMedia",
}
READING = {"GET", "HEAD", "OPTIONS"}
COMMANDS = {kind.__name__: command_type(kind) for kind in commands()}


class NeverUsed:
    """Stands for the bus and the vault: routes are looked at here, not called."""


@pytest.fixture(scope="module")
def routes() -> list[BaseRoute]:
    never_used: Any = NeverUsed()
    routers = rest_routers(CloudSettings(), never_used, never_used)
    routers.append(inbound.router(never_used, never_used))
    routers.append(graph_router(CloudSettings(), *[never_used] * 4))
    return [route for router in routers for route in router.routes]


def sent_by(function: Any) -> tuple[set[str], bool]:
    """Return the commands that a function names, and whether it sends anything."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    sends = any(
        isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("bus.send", "_send"))
        for node in ast.walk(tree)
    )
    return {COMMANDS[name] for name in names if name in COMMANDS}, sends


@pytest.mark.requirement("BUS", "API")
def test_every_mutating_route_sends_the_command_that_the_table_names(routes) -> None:
    found = {}
    for route in routes:
        if isinstance(route, APIRoute):
            for method in route.methods - READING:
                if (method, route.path) in GENERIC:
                    continue
                if STRANGERS.get((method, route.path)):
                    assert sent_by(route.endpoint) == (set(), False), route.path
                    continue
                named, sends = sent_by(route.endpoint)
                assert sends, f"{method} {route.path} sends nothing to the bus"
                assert len(named) == 1, f"{method} {route.path} names {named}"
                found[method, route.path] = named.pop()
    assert found == ROUTES


@pytest.mark.requirement("BUS", "API")
def test_no_reading_route_sends_a_command(routes) -> None:
    reading = [r for r in routes if isinstance(r, APIRoute) and r.methods <= READING]
    assert len(reading) > 10
    assert not [r.path for r in reading if sent_by(r.endpoint) != (set(), False)]


def test_no_route_module_reaches_a_database_by_itself() -> None:
    folder = Path("cloud/interfaces/rest_api")
    assert not [p.name for p in folder.glob("*.py") if "asyncpg" in p.read_text(encoding="utf-8")]


def wire_methods() -> Iterator[str]:
    for path in sorted(Path("proto/kyndof_wire").glob("*/v1/*.proto")):
        name = path.with_suffix("").relative_to("proto").as_posix().replace("/", ".")
        for service in importlib.import_module(f"{name}_pb2").DESCRIPTOR.services_by_name.values():
            yield from (f"{service.name}.{method.name}" for method in service.methods)


def test_every_grpc_method_is_in_one_of_the_tables() -> None:
    assert set(wire_methods()) == METHODS.keys() | BOOKKEEPING.keys()
    assert not METHODS.keys() & BOOKKEEPING.keys()
    assert all(BOOKKEEPING.values())


def servicer_of(method: str) -> type:
    name = {
        "CertificateService": "cloud.interfaces.edge_intake.certificates:CertificateDoor",
        "ArtifactService": "cloud.interfaces.edge_intake.artifacts:ArtifactDoor",
        "EnrolmentService": "cloud.interfaces.edge_intake.enrolment:EnrolmentDoor",
        "EventSyncService": "cloud.interfaces.edge_intake.event_sync:EventSync",
        "FleetService": "cloud.interfaces.edge_intake.fleet:FleetDoor",
        "MediaService": "cloud.interfaces.edge_intake.media:MediaDoor",
    }[method.split(".")[0]]
    module, _, kind = name.partition(":")
    found: type = getattr(importlib.import_module(module), kind)
    return found


def called_from(module: Any, start: str) -> set[str]:
    """Return the commands named by a method or by what it calls nearby."""
    bodies: dict[str, list[ast.AST]] = {}
    nearby = [conversation] if hasattr(module, "Conversation") else []
    for source in (module, *nearby, events_from_wire):
        for node in ast.walk(ast.parse(inspect.getsource(source))):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                bodies.setdefault(node.name, []).append(node)
    waiting, seen, found = [start], set(), set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for body in bodies.get(name, []):
            for node in ast.walk(body):
                used = node.id if isinstance(node, ast.Name) else getattr(node, "attr", None)
                if isinstance(used, str):
                    waiting += [used]
                    found |= {COMMANDS[used]} if used in COMMANDS else set()
    return found


@pytest.mark.requirement("BUS", "SYN")
def test_every_grpc_method_sends_the_commands_that_the_table_names() -> None:
    for method in [*METHODS, *BOOKKEEPING]:
        module = inspect.getmodule(servicer_of(method))
        assert called_from(module, method.split(".")[1]) == METHODS.get(method, set()), method


def test_both_doors_serve_exactly_the_services_of_the_wire() -> None:
    fields = Servicers.__dataclass_fields__
    assert len(fields) == len({method.split(".")[0] for method in wire_methods()})


# Every interface that sends anything, with the place where its doors are counted. A new one (Slack
# actions, MCP tools) is added together with the test that enumerates them.
SENDING_INTERFACES = {
    "edge_intake": "METHODS and BOOKKEEPING above",
    "rest_api": "ROUTES, GENERIC and STRANGERS above",
    "terminal": "it sends the catalogue's commands by their type, as GENERIC does",
    "webhooks": "ROUTES above: its routes stand beside those of REST",
}


@pytest.mark.requirement("BUS")
def test_no_interface_sends_commands_uncounted() -> None:
    sending = {
        path.relative_to("cloud/interfaces").parts[0]
        for path in Path("cloud/interfaces").rglob("*.py")
        if "bus.send(" in path.read_text(encoding="utf-8")
    }
    assert sending <= SENDING_INTERFACES.keys()


@pytest.mark.requirement("BUS")
def test_every_command_of_every_room_is_on_the_composed_bus_once() -> None:
    never_used: Any = NeverUsed()
    bus = compose_bus(never_used, never_used, never_used, never_used, {})
    assert set(bus.catalogue()) == set(commands())
