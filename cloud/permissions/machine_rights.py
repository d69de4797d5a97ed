"""What machines may do without a position, each with the reason. Nothing else is theirs."""

from collections.abc import Mapping

SYSTEM = "system"
STATION_PREFIX = "station:"

STATION_RIGHTS: Mapping[str, str] = {
    "enrol_station": "a device without a certificate proves itself by its join token",
    "renew_station_certificate": "a station proves itself by the certificate that it renews",
    "open_station_stream": "a station says hello before it sends",
    "record_station_events": "a station reports what happened at it",
    "record_station_gap": "a station says which of its numbers will never come",
    "record_station_presence": "a station comes and goes",
    "record_station_state": "a station shows what it is doing",
    "record_station_report": "a station says what it made of its desired state",
    "record_station_logs": "a station sends the log lines that a person asked for",
    "report_station_fault": "a station or its stream is suspicious",
    "record_model_report": "a station says how it fares with the bundle that it was assigned",
    "record_calibration": "whoever may use a station's command line calibrates its camera there",
    "store_media": "a station hands in the pictures that its events name",
}

SYSTEM_RIGHTS: Mapping[str, str] = {
    **STATION_RIGHTS,
    "add_person": "the demo organizations are loaded by the program",
    "create_work_order": "the demo's work order is loaded by the program",
    "create_login_link": "`kyndof up` prints a link for whoever owns the machine",
    "use_login_link": "whoever holds the link is not signed in yet",
    "create_api_key": "`kyndof key create` works for whoever owns the machine",
    "create_organization": "`kyndof create-organization` works for whoever owns the machine",
    "create_password_link": "`kyndof password-link` works for whoever owns the machine",
    "store_credential": "`kyndof credentials` works for whoever owns the machine",
    "replace_credential": "`kyndof credentials` works for whoever owns the machine",
    "remove_credential": "`kyndof credentials` works for whoever owns the machine",
    "reencrypt_credentials": "`kyndof credentials rotate` changes keys, never secrets",
    "seal_audit_chain": "the retention policy seals what it drops; the chain must hold",
    "register_station": "`kyndof up` brings its own stations",
    "issue_join_token": "`kyndof up` brings its own stations",
    "publish_trust": "`kyndof bundle` works for whoever holds the keys",
    "release_bundle": "`kyndof bundle release` works for whoever owns the machine",
    "advance_rollout": "what the stations' reports ask for happens whoever is there",
    "record_station_import": "`kyndof floor import` works for whoever owns the machine",
    "raise_notifications": "the outbox tells persons of what happened",
    "append_to_session": "an agent's answer, or a colleague's reply in a thread",
    "dispute_event": "the projector keeps a fact that a rule refuses",
    "reopen_dispute": "a fact that a person accepted and a rule still refuses goes back to them",
    "fire_timer": "what is due happens whoever is there",
    "close_timer": "what is due and cannot be done is told, not tried for ever",
    "bury_event": "the projector keeps an event that nobody can read",
    "receive_webhook": "a message from outside that a secret has signed",
    "suspend_webhook_subscription": "the courier stops where it fails again and again",
}

# Everybody may do these to themselves; the secret that the command carries is the right, or the
# handler finds it out.
OWN_RIGHTS: Mapping[str, str] = {
    "use_login_link": "the link is the proof",
    "end_session": "everybody may sign out",
    "change_notification_wishes": "everybody says how he or she wants to be told",
    "mark_notifications_read": "everybody reads what he or she was told",
    "start_session": "everybody may begin a conversation",
    "append_to_session": "the handler asks for the session's owner",
    "switch_interface": "the handler asks for the session's owner",
    "close_session": "the handler asks for the session's owner",
    "sign_in_with_password": "the password is the proof",
    "sign_in_with_provider": "the provider's signature is the proof",
    "use_password_link": "the link is the proof",
    "accept_invitation": "the invitation is the proof",
    "switch_organization": "the session in the other organization is the proof",
    "leave_organization": "nobody has to stay",
    "change_language": "everybody chooses the own language",
    "change_password": "everybody keeps the own password",
    "create_own_api_key": "a key for oneself does nothing that its person may not",
    "end_own_access": "everybody may close the own doors",
    "end_every_session": "everybody may sign out everywhere",
    "issue_tokens": "a program acts as whoever starts it",
    "refresh_tokens": "the refresh token is the proof",
    "revoke_tokens": "the refresh token is the proof",
    "decide_device": "everybody decides which device acts as oneself",
    "take_device_tokens": "the approval is the proof",
    "link_slack_account": "Slack proved whose account it is",
    "unlink_slack_account": "everybody may forget an own account",
    "withdraw_request": "everybody may take their own request back; the handler checks whose it is",
    "give_advice": "the one who was asked may answer; the handler checks who was",
    "delegate_authority": "everybody may lend what they hold; the handler checks what that is",
    "revoke_delegation": "giver and taker may end it; the handler checks who they are",
    "answer_assignment": "the one who was given the work may answer; the handler checks who was",
}


def machine_right(user: str, action: str) -> str | None:
    """Return the reason why ``user``, a machine, may do ``action``; None: it may not."""
    if user == SYSTEM:
        return SYSTEM_RIGHTS.get(action)
    if user.startswith(STATION_PREFIX):
        return STATION_RIGHTS.get(action)
    return None


def is_machine(user: str) -> bool:
    """Say whether ``user`` is a station or the program itself, not a person."""
    return user == SYSTEM or user.startswith(STATION_PREFIX)
