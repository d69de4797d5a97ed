import { Button, Loader, PasswordInput, Stack, Text, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useState } from "react";

import { meQuery, invitationQuery } from "@/api/queries";
import { remember } from "@/app/destination";
import { useSpoken } from "@/app/language";
import { Refusal } from "@/app/Trouble";
import { Card } from "@/features/sign_in/Card";
import { useEntering } from "@/features/sign_in/entering";

/** The token of the address, which then forgets it. */
function useToken(path: string): string {
  const [token] = useState(() => window.location.hash.replace(/^#/, ""));
  useEffect(() => { window.history.replaceState(null, "", path); }, [path]);
  return token;
}

function NewPassword({ path, token, say }: { path: string; token: string; say: string }) {
  const { t } = useSpoken();
  const [password, setPassword] = useState("");
  const enter = useEntering<{ token: string; password: string }>(path);
  return (
    <form onSubmit={(event) => { event.preventDefault(); enter.mutate({ token, password }); }}>
      <Stack gap="sm">
        <PasswordInput label={t("sign_in.new_password")} description={t("sign_in.password_rule")} autoComplete="new-password" required value={password} onChange={(event) => { setPassword(event.currentTarget.value); }} />
        {enter.error ? <Refusal error={enter.error} /> : null}
        <Button type="submit" loading={enter.isPending}>{say}</Button>
      </Stack>
    </form>
  );
}

export function SetPasswordPage() {
  const { t } = useSpoken();
  const token = useToken("/password");
  return (
    <Card>
      <Title order={1}>{t("sign_in.set_title")}</Title>
      <NewPassword path="/password/link" token={token} say={t("sign_in.set")} />
    </Card>
  );
}

function JoinAsMyself({ token }: { token: string }) {
  const { t } = useSpoken();
  const join = useEntering<{ token: string; password: string }>("/invitations/acceptance");
  return (
    <Stack gap="sm">
      {join.error ? <Refusal error={join.error} /> : null}
      <Button loading={join.isPending} onClick={() => { join.mutate({ token, password: "" }); }}>{t("invitation.join")}</Button>
    </Stack>
  );
}

export function InvitationPage() {
  const { t, say } = useSpoken();
  const token = useToken("/invitation");
  const invitation = useQuery(invitationQuery(token));
  const me = useQuery({ ...meQuery, retry: false });
  if (invitation.isPending || me.isPending) return <Card><Loader size="sm" /></Card>;
  if (invitation.error) return <Card><Title order={1}>{t("invitation.title")}</Title><Refusal error={invitation.error} /></Card>;
  const { login, organization_name_ko, organization_name_en } = invitation.data;
  return (
    <Card>
      <Title order={1}>{t("invitation.title")}</Title>
      <Text>{t("invitation.text", { login, organization: say(organization_name_ko, organization_name_en) })}</Text>
      {me.data?.person.login === login ? (
        <JoinAsMyself token={token} />
      ) : (
        <>
          <NewPassword path="/invitations/acceptance" token={token} say={t("invitation.join")} />
          <Text fz="sm" c="dimmed">
            {t("invitation.have_account")}{" "}
            <Link to="/login" className="k-link" onClick={() => { remember(`/invitation#${token}`); }}>{t("sign_in.enter")}</Link>
          </Text>
        </>
      )}
    </Card>
  );
}
