"""People, sign-in, sessions, keys, tokens and outside accounts."""

from cloud.commands.command import Command, Query
from cloud.commands.ports import Handler
from cloud.organizations import commands as asked
from cloud.organizations import queries
from cloud.organizations.handlers import keys, members, sign_in, tokens

COMMANDS: dict[type[Command], Handler] = {
    asked.CreateOrganization: members.create_organization,
    asked.RenameOrganization: members.rename_organization,
    asked.AddPerson: members.add_person,
    asked.InvitePerson: members.invite_person,
    asked.RevokeInvitation: members.revoke_invitation,
    asked.AcceptInvitation: members.accept_invitation,
    asked.RemoveMember: members.remove_member,
    asked.LeaveOrganization: members.leave_organization,
    asked.RenamePerson: members.rename_person,
    asked.ChangeLanguage: members.change_language,
    asked.CreateLoginLink: sign_in.create_login_link,
    asked.UseLoginLink: sign_in.use_login_link,
    asked.SignInWithPassword: sign_in.sign_in_with_password,
    asked.SignInWithProvider: sign_in.sign_in_with_provider,
    asked.SwitchOrganization: sign_in.switch_organization,
    asked.EndSession: sign_in.end_session,
    asked.EndOwnAccess: sign_in.end_own_access,
    asked.EndEverySession: sign_in.end_every_session,
    asked.ChangePassword: sign_in.change_password,
    asked.CreatePasswordLink: sign_in.create_password_link,
    asked.UsePasswordLink: sign_in.use_password_link,
    asked.CreateApiKey: keys.create_api_key,
    asked.CreateOwnApiKey: keys.create_own_api_key,
    asked.RevokeApiKey: keys.revoke_api_key,
    asked.LinkSlackAccount: keys.link_slack_account,
    asked.UnlinkSlackAccount: keys.unlink_slack_account,
    asked.IssueTokens: tokens.issue_tokens,
    asked.RefreshTokens: tokens.refresh_tokens,
    asked.RevokeTokens: tokens.revoke_tokens,
    asked.DecideDevice: tokens.decide_device,
    asked.TakeDeviceTokens: tokens.take_device_tokens,
}
QUERIES: dict[type[Query], Handler] = {
    queries.WhoAmI: members.who_am_i,
    queries.ListPersons: members.list_persons,
    queries.ListMyOrganizations: members.list_my_organizations,
    queries.ListInvitations: members.list_invitations,
    queries.ListMyAccess: keys.list_my_access,
    queries.ListApiKeys: keys.list_api_keys,
    queries.DescribeDevice: tokens.describe_device,
}
