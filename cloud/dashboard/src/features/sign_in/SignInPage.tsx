import { Code, CopyButton, Loader, Stack, Text, Title, UnstyledButton } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useLocation, useNavigate } from "@tanstack/react-router";
import { useEffect, useRef } from "react";

import { act } from "@/api/client";
import { changeLanguage, useSpoken } from "@/app/language";
import { Refusal } from "@/app/Trouble";
import classes from "@/features/sign_in/SignInPage.module.css";

const COMMAND = "kyndof login-link worker@demo.example";

export function SignInPage() {
  const { t, language } = useSpoken();
  const token = useLocation({ select: (location) => location.hash }).replace(/^#/, "");
  const tried = useRef("");
  const client = useQueryClient();
  const navigate = useNavigate();
  const enter = useMutation({
    mutationFn: (value: string) => act("/login", { token: value }),
    onSuccess: async () => {
      client.clear();
      await navigate({ to: "/", replace: true });
    },
  });
  const { mutate } = enter;

  useEffect(() => {
    // A link opens once; the address bar keeps it no longer than needed.
    if (!token || tried.current === token) return;
    tried.current = token;
    window.history.replaceState(null, "", "/login");
    mutate(token);
  }, [token, mutate]);

  return (
    <div className={classes.page}>
      <div className={`${classes.card ?? ""} k-panel`}>
        <svg width="44" height="44" viewBox="0 0 32 32" aria-hidden>
          <rect width="32" height="32" rx="8" fill="var(--mantine-color-petrol-8)" />
          <path d="M8 24 24 8M9 9l14 14" fill="none" stroke="#f4efe6" strokeWidth="2.6" strokeDasharray="4.2 2.6" strokeLinecap="round" />
        </svg>
        {enter.isPending ? (
          <Stack align="flex-start" role="status"><Title order={1}>{t("sign_in.entering")}</Title><Loader size="sm" /></Stack>
        ) : (
          <Stack gap="md">
            <Title order={1}>{t("sign_in.title")}</Title>
            {enter.error ? <Refusal error={enter.error} /> : null}
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
        )}
        <button type="button" className={classes.language} onClick={() => { changeLanguage(language === "ko" ? "en" : "ko"); }}>
          {language === "ko" ? "English" : "한국어"}
        </button>
      </div>
    </div>
  );
}
