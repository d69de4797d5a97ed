import { Alert, Badge, Button, Code, CopyButton, Group, MultiSelect, PasswordInput, Select, Stack, Text, TextInput, Title } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useState } from "react";

import { act } from "@/api/client";
import { accessQuery, keys, myOrganizationsQuery, signInMethodsQuery } from "@/api/queries";
import type { IssuedKey, MyAccess } from "@/api/schema";
import { useSpoken } from "@/app/language";
import { Loading } from "@/app/Loading";
import { Panel } from "@/app/Panel";
import { Refusal, Trouble } from "@/app/Trouble";
import classes from "@/features/account/AccountPage.module.css";
import { browserOf } from "@/features/account/browser";
import { useTimes } from "@/app/times";

/** Do something about one's own access, and read it again. */
function useChange<Body>(path: (body: Body) => string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (body: Body) => act<unknown>(path(body), body),
    onSettled: () => client.invalidateQueries({ queryKey: keys.access }),
  });
}

function useEnd() {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => act(`/me/access/${encodeURIComponent(id)}/end`, {}),
    onSettled: () => client.invalidateQueries({ queryKey: keys.access }),
  });
}

function Sessions({ access }: { access: MyAccess }) {
  const { t } = useSpoken();
  const { full: moment } = useTimes();
  const end = useEnd();
  const client = useQueryClient();
  const navigate = useNavigate();
  const everywhere = useMutation({
    mutationFn: () => act("/logout/everywhere", {}),
    onSuccess: async () => { client.clear(); await navigate({ to: "/login" }); },
  });
  return (
    <Panel title={t("account.sessions")}>
      <ul className={classes.places}>
        {access.sessions.map((one) => (
          <li key={one.access_id}>
            <div>
              <b title={one.user_agent}>{browserOf(one.user_agent) || t("account.unknown_program")}</b>
              <small>{t(`proof.${one.proof}`)} · {moment(one.created_at)}</small>
            </div>
            {one.here ? <Badge variant="light" size="lg">{t("account.here")}</Badge> : <Button size="xs" variant="default" onClick={() => { end.mutate(one.access_id); }}>{t("account.end")}</Button>}
          </li>
        ))}
        {access.token_sign_ins.map((one) => (
          <li key={one.access_id}>
            <div>
              <b>{one.client}</b>
              <small>{t("proof.token")} · {moment(one.created_at)}{one.scopes ? ` · ${one.scopes.join(", ")}` : ""}</small>
            </div>
            <Button size="xs" variant="default" onClick={() => { end.mutate(one.access_id); }}>{t("account.end")}</Button>
          </li>
        ))}
      </ul>
      {end.error ? <Refusal error={end.error} /> : null}
      {everywhere.error ? <Refusal error={everywhere.error} /> : null}
      <Button color="red" variant="light" style={{ alignSelf: "flex-start" }} loading={everywhere.isPending} onClick={() => { everywhere.mutate(); }}>{t("account.everywhere")}</Button>
    </Panel>
  );
}

const SCOPES = ["read", "live", "production.*", "inspection.*", "stations.*", "organizations.*"];
const DAYS = ["30", "90", "365"];

function NewKey() {
  const { t } = useSpoken();
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<string[]>(["read"]);
  const [days, setDays] = useState<string | null>("90");
  const client = useQueryClient();
  const make = useMutation({
    mutationFn: () => {
      const ends = days ? new Date(Date.now() + Number(days) * 86_400_000).toISOString() : null;
      return act<IssuedKey>("/me/keys", { name, scopes: scopes.length > 0 ? scopes : null, expires_at: ends });
    },
    onSuccess: () => { setName(""); },
    onSettled: () => client.invalidateQueries({ queryKey: keys.access }),
  });
  return (
    <form onSubmit={(event) => { event.preventDefault(); make.mutate(); }}>
      <Stack gap="sm">
        <Group align="flex-end" gap="sm">
          <TextInput label={t("account.key_name")} required value={name} onChange={(event) => { setName(event.currentTarget.value); }} />
          <MultiSelect label={t("account.scopes")} placeholder={scopes.length === 0 ? t("account.all_scopes") : ""} data={SCOPES} value={scopes} onChange={setScopes} miw={220} />
          <Select label={t("account.ends")} data={DAYS.map((value) => ({ value, label: t("account.days", { count: Number(value) }) }))} value={days} onChange={setDays} clearable placeholder={t("account.never")} w={140} />
          <Button type="submit" loading={make.isPending}>{t("account.make_key")}</Button>
        </Group>
        {make.error ? <Refusal error={make.error} /> : null}
        {make.data ? (
          <Alert color="green" title={t("account.key_once")}>
            <Group><Code fz="sm" style={{ wordBreak: "break-all" }}>{make.data.key}</Code><CopyButton value={make.data.key}>{({ copied, copy }) => <Button size="xs" variant="default" onClick={copy}>{t(copied ? "sign_in.copied" : "sign_in.copy")}</Button>}</CopyButton></Group>
          </Alert>
        ) : null}
      </Stack>
    </form>
  );
}

function Keys({ access }: { access: MyAccess }) {
  const { t } = useSpoken();
  const { full: moment } = useTimes();
  const end = useEnd();
  return (
    <Panel title={t("account.keys")}>
      {access.keys.length === 0 ? <Text c="dimmed">{t("account.no_keys")}</Text> : (
        <ul className={classes.places}>
          {access.keys.map((one) => (
            <li key={one.key_id}>
              <div>
                <b>{one.name}</b>
                <small>
                  {one.scopes ? one.scopes.join(", ") : t("account.all_scopes")} · {t("account.used")} {one.last_used_at ? moment(one.last_used_at) : t("account.not_yet")} · {t("account.ends")} {one.expires_at ? moment(one.expires_at) : t("account.never")}
                </small>
              </div>
              <Button size="xs" variant="default" onClick={() => { end.mutate(one.key_id); }}>{t("account.end")}</Button>
            </li>
          ))}
        </ul>
      )}
      {end.error ? <Refusal error={end.error} /> : null}
      <NewKey />
    </Panel>
  );
}

function Password({ access }: { access: MyAccess }) {
  const { t } = useSpoken();
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const change = useChange<{ current_password: string; new_password: string }>(() => "/me/password");
  if (!access.password_is_here) return <Panel title={t("sign_in.password")}><Text c="dimmed">{t("account.password_elsewhere")}</Text></Panel>;
  return (
    <Panel title={t("sign_in.password")}>
      <form onSubmit={(event) => { event.preventDefault(); change.mutate({ current_password: current, new_password: next }); }}>
        <Stack gap="sm" maw={420}>
          {access.has_password ? <PasswordInput label={t("account.current_password")} autoComplete="current-password" required value={current} onChange={(event) => { setCurrent(event.currentTarget.value); }} /> : null}
          <PasswordInput label={t("sign_in.new_password")} description={t("sign_in.password_rule")} autoComplete="new-password" required value={next} onChange={(event) => { setNext(event.currentTarget.value); }} />
          {change.error ? <Refusal error={change.error} /> : null}
          {change.isSuccess ? <Text role="status" c="green">{t("account.password_changed")}</Text> : null}
          <Button type="submit" style={{ alignSelf: "flex-start" }} loading={change.isPending}>{t("account.change_password")}</Button>
        </Stack>
      </form>
    </Panel>
  );
}

function Organizations() {
  const { t, say } = useSpoken();
  const { data = [] } = useQuery(myOrganizationsQuery);
  const client = useQueryClient();
  const go = useMutation({
    mutationFn: (organizationId: string) => act("/me/organization", { organization_id: organizationId }),
    onSuccess: () => { client.clear(); window.location.assign("/"); },
  });
  if (data.length < 2) return null;
  return (
    <Panel title={t("account.organizations")}>
      <Group>{data.map((one) => <Button key={one.organization_id} variant="default" loading={go.isPending && go.variables === one.organization_id} onClick={() => { go.mutate(one.organization_id); }}>{say(one.name_ko, one.name_en)}</Button>)}</Group>
      {go.error ? <Refusal error={go.error} /> : null}
    </Panel>
  );
}

function Slack({ access }: { access: MyAccess }) {
  const { t } = useSpoken();
  const { data: methods } = useQuery(signInMethodsQuery);
  const depart = useMutation({
    mutationFn: () => act<{ url: string }>("/me/slack/departure", {}),
    onSuccess: ({ url }) => { window.location.assign(url); },
  });
  const forget = useChange<{ team: string; user: string }>(({ team, user }) => `/me/slack/${team}/${user}/removal`);
  if (!methods?.slack && access.slack_accounts.length === 0) return null;
  return (
    <Panel title="Slack">
      {access.slack_accounts.map((one) => (
        <Group key={`${one.team_id} ${one.slack_user_id}`}>
          <Text>{one.team_name || one.team_id} · {one.slack_user_id}</Text>
          <Button size="xs" variant="default" onClick={() => { forget.mutate({ team: one.team_id, user: one.slack_user_id }); }}>{t("account.end")}</Button>
        </Group>
      ))}
      {depart.error ? <Refusal error={depart.error} /> : null}
      {forget.error ? <Refusal error={forget.error} /> : null}
      <Button variant="default" style={{ alignSelf: "flex-start" }} loading={depart.isPending} onClick={() => { depart.mutate(); }}>{t("account.link_slack")}</Button>
    </Panel>
  );
}

export function AccountPage() {
  const { t } = useSpoken();
  const { data: access, error, isPending } = useQuery(accessQuery);
  if (isPending) return <Loading />;
  if (error) return <Trouble error={error} />;
  return (
    <Stack gap="md">
      <Title order={1}>{t("account.title")}</Title>
      <Organizations />
      <Sessions access={access} />
      <Keys access={access} />
      <Password access={access} />
      <Slack access={access} />
    </Stack>
  );
}
