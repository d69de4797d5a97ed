import { Button, Code, CopyButton, Divider, Loader, PasswordInput, Stack, Text, TextInput, Title, UnstyledButton } from "@mantine/core";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useLocation } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";

import { act, ApiError } from "@/api/client";
import { signInMethodsQuery } from "@/api/queries";
import { useSpoken } from "@/app/language";
import { Refusal } from "@/app/Trouble";
import { Card } from "@/features/sign_in/Card";
import { useEntering } from "@/features/sign_in/entering";
import classes from "@/features/sign_in/SignInPage.module.css";

const COMMAND = "kyndof login-link worker@demo.example";

function PasswordForm() {
  const { t } = useSpoken();
  const [login, setLogin] = useState("");
  const [password, setPassword] = useState("");
  const [organization, setOrganization] = useState("");
  const enter = useEntering<{ login: string; password: string; organization: string }>("/login/password");
  const several = enter.error instanceof ApiError && enter.error.code === "ORGANIZATION_NEEDED";
  return (
    <form onSubmit={(event) => { event.preventDefault(); enter.mutate({ login, password, organization }); }}>
      <Stack gap="sm">
        <TextInput label={t("sign_in.login")} type="email" name="username" autoComplete="username" required value={login} onChange={(event) => { setLogin(event.currentTarget.value); }} />
        <PasswordInput label={t("sign_in.password")} name="password" autoComplete="current-password" required value={password} onChange={(event) => { setPassword(event.currentTarget.value); }} />
        {several || organization ? (
          <TextInput label={t("sign_in.organization")} name="organization" value={organization} onChange={(event) => { setOrganization(event.currentTarget.value); }} />
        ) : null}
        {enter.error ? <Refusal error={enter.error} /> : null}
        <Button type="submit" loading={enter.isPending}>{t("sign_in.enter")}</Button>
      </Stack>
    </form>
  );
}

function OpenIdButton({ name }: { name: string }) {
  const { t } = useSpoken();
  const depart = useMutation({
    mutationFn: () => act<{ url: string }>("/login/openid/departure", {}),
    onSuccess: ({ url }) => { window.location.assign(url); },
  });
  return (
    <Stack gap="sm">
      <Divider label={t("sign_in.or")} />
      {depart.error ? <Refusal error={depart.error} /> : null}
      <Button variant="default" loading={depart.isPending} onClick={() => { depart.mutate(); }}>{t("sign_in.openid", { name })}</Button>
    </Stack>
  );
}

function LinkHelp() {
  const { t } = useSpoken();
  return (
    <details className={classes.links}>
      <summary>{t("sign_in.by_link")}</summary>
      <Stack gap="sm" mt="sm">
        <Text>{t("sign_in.text")}</Text>
        <ol className={classes.steps}>
          <li>
            {t("sign_in.step_command")}
            <CopyButton value={COMMAND}>
              {({ copied, copy }) => (
                <UnstyledButton onClick={copy} className={classes.command}>
                  <Code>{COMMAND}</Code>
                  <small>{t(copied ? "sign_in.copied" : "sign_in.copy")}</small>
                </UnstyledButton>
              )}
            </CopyButton>
          </li>
          <li>{t("sign_in.step_open")}</li>
        </ol>
        <Text fz="sm" c="dimmed">{t("sign_in.hint")}</Text>
      </Stack>
    </details>
  );
}

export function SignInPage() {
  const { t } = useSpoken();
  const token = useLocation({ select: (location) => location.hash }).replace(/^#/, "");
  const tried = useRef("");
  const enter = useEntering<{ token: string }>("/login");
  const { data: methods } = useQuery(signInMethodsQuery);
  const { mutate } = enter;

  useEffect(() => {
    // A link opens once; the address bar keeps it no longer than needed.
    if (!token || tried.current === token) return;
    tried.current = token;
    window.history.replaceState(null, "", "/login");
    mutate({ token });
  }, [token, mutate]);

  return (
    <Card>
      {enter.isPending ? (
        <Stack align="flex-start" role="status"><Title order={1}>{t("sign_in.entering")}</Title><Loader size="sm" /></Stack>
      ) : (
        <Stack gap="md">
          <Title order={1}>{t("sign_in.title")}</Title>
          {enter.error ? <Refusal error={enter.error} /> : null}
          <PasswordForm />
          {methods?.openid ? <OpenIdButton name={methods.openid} /> : null}
          <LinkHelp />
        </Stack>
      )}
    </Card>
  );
}
