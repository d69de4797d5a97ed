"""Storing, replacing, removing and re-encrypting secrets, and questions about them."""

from dataclasses import replace

from cloud.commands.command import Command, Query
from cloud.commands.ports import Handler, UnitOfWork
from cloud.credentials.commands import (
    ReencryptCredentials,
    RemoveCredential,
    ReplaceCredential,
    StoreCredential,
)
from cloud.credentials.credential import SecretPlace, StoredCredential
from cloud.credentials.errors import (
    CredentialExistsError,
    CredentialsError,
    CredentialUnknownError,
)
from cloud.credentials.events import CredentialRemoved, CredentialReplaced, CredentialStored
from cloud.credentials.ports import CredentialStore, SealedElsewhere, SealedRows, Sealer
from cloud.credentials.queries import (
    CheckCredentials,
    CredentialsReport,
    CredentialView,
    ListCredentials,
    Reencrypted,
)


async def store_credential(command: StoreCredential, unit: UnitOfWork) -> CredentialView:
    """Seal and keep a secret; raises CredentialExistsError, CredentialKeysMissingError."""
    store = unit.store(CredentialStore)
    credential_id = unit.ids.new("crd")
    place = SecretPlace(
        organization_id=store.organization_id, credential_id=credential_id, field=command.field
    )
    credential = StoredCredential(
        credential_id=credential_id,
        name=command.name,
        field=command.field,
        sealed=unit.store(Sealer).seal(place, command.secret),
    )
    if not await store.add(credential, unit.context.user, unit.clock.now()):
        raise CredentialExistsError(
            f"{command.field} of {command.name} is kept already; replace it",
            name=command.name,
            field=command.field,
        )
    unit.record(
        CredentialStored(credential_id=credential_id, name=command.name, field=command.field)
    )
    return _view(credential, unit)


async def replace_credential(command: ReplaceCredential, unit: UnitOfWork) -> CredentialView:
    """Keep another secret instead; raises CredentialUnknownError."""
    store = unit.store(CredentialStore)
    found = await _found(command.credential_id, store)
    sealed = unit.store(Sealer).seal(place_of(found, store), command.secret)
    changed = replace(found, sealed=sealed)
    await store.replace(changed, unit.context.user, unit.clock.now())
    unit.record(
        CredentialReplaced(credential_id=found.credential_id, name=found.name, field=found.field)
    )
    return _view(changed, unit)


async def remove_credential(command: RemoveCredential, unit: UnitOfWork) -> None:
    """Forget a secret; raises CredentialUnknownError."""
    store = unit.store(CredentialStore)
    found = await _found(command.credential_id, store)
    await store.remove(found.credential_id)
    unit.record(
        CredentialRemoved(credential_id=found.credential_id, name=found.name, field=found.field)
    )


async def reencrypt_credentials(command: ReencryptCredentials, unit: UnitOfWork) -> Reencrypted:
    """Seal a batch anew with the current key; readers go on with what is committed.

    A batch is one transaction, and what is left to do is what the rows themselves say: whoever
    is killed leaves nothing half done and the next one goes on.
    """
    sealer = unit.store(Sealer)
    key_id = sealer.current_key()
    done_count, remaining_count = 0, 0
    for rows in _tables(unit):
        stale = await rows.sealed_by_others(key_id, command.limit - done_count)
        anew = []
        for credential in stale:
            place = place_of(credential, rows)
            secret = sealer.open(place, credential.sealed)
            anew.append(replace(credential, sealed=sealer.seal(place, secret)))
        await rows.reseal(anew)
        done_count += len(anew)
        remaining_count += await rows.count_sealed_by_others(key_id)
    return Reencrypted(key_id=key_id, done_count=done_count, remaining_count=remaining_count)


async def list_credentials(query: ListCredentials, unit: UnitOfWork) -> tuple[CredentialView, ...]:
    """Return what is kept, without the secrets."""
    return await unit.store(CredentialStore).views()


async def check_credentials(query: CheckCredentials, unit: UnitOfWork) -> CredentialsReport:
    """Open every secret, and forget it at once."""
    sealer = unit.store(Sealer)
    opened_count, closed = 0, []
    for rows in _tables(unit):
        async for credential in rows.every():
            try:
                sealer.open(place_of(credential, rows), credential.sealed)
            except CredentialsError as error:
                closed.append((credential.credential_id, error.code))
            else:
                opened_count += 1
    return CredentialsReport(opened_count=opened_count, closed=tuple(closed))


def _tables(unit: UnitOfWork) -> tuple[SealedRows, ...]:
    return (unit.store(CredentialStore), *unit.store(SealedElsewhere).tables)


def place_of(credential: StoredCredential, store: SealedRows) -> SecretPlace:
    """Return where the credential's secret belongs."""
    return SecretPlace(
        organization_id=store.organization_id,
        credential_id=credential.credential_id,
        field=credential.field,
    )


async def _found(credential_id: str, store: CredentialStore) -> StoredCredential:
    found = await store.find(credential_id)
    if found is None:
        raise CredentialUnknownError("no such credential", credential_id=credential_id)
    return found


def _view(credential: StoredCredential, unit: UnitOfWork) -> CredentialView:
    return CredentialView(
        credential_id=credential.credential_id,
        name=credential.name,
        field=credential.field,
        key_id=credential.sealed.key_id,
        stored_by=unit.context.user,
        stored_at=unit.clock.now(),
    )


COMMANDS: dict[type[Command], Handler] = {
    StoreCredential: store_credential,
    ReplaceCredential: replace_credential,
    RemoveCredential: remove_credential,
    ReencryptCredentials: reencrypt_credentials,
}
QUERIES: dict[type[Query], Handler] = {
    ListCredentials: list_credentials,
    CheckCredentials: check_credentials,
}
