import { Button, Loader, Stack, Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";

import { useSpoken } from "@/app/language";
import { Refusal } from "@/app/Trouble";
import { Card } from "@/features/sign_in/Card";
import { useEntering } from "@/features/sign_in/entering";

/** Where the provider sends the browser back to: what it brought is handed in, once. */
export function OpenIdReturnPage() {
  const { t } = useSpoken();
  const [brought] = useState(() => new URLSearchParams(window.location.search));
  const handedIn = useRef(false);
  const enter = useEntering<{ code: string; state: string; organization: string }>("/login/openid");
  const { mutate } = enter;

  useEffect(() => {
    if (handedIn.current) return;
    handedIn.current = true;
    window.history.replaceState(null, "", "/login/openid");
    mutate({ code: brought.get("code") ?? "", state: brought.get("state") ?? "", organization: "" });
  }, [brought, mutate]);

  return (
    <Card>
      {enter.error ? (
        <Stack>
          <Title order={1}>{t("sign_in.title")}</Title>
          <Refusal error={enter.error} />
          <Button component={Link} to="/login" variant="default">{t("sign_in.again")}</Button>
        </Stack>
      ) : (
        <Stack align="flex-start" role="status"><Title order={1}>{t("sign_in.entering")}</Title><Loader size="sm" /></Stack>
      )}
    </Card>
  );
}
