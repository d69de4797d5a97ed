import { Loader, Stack, Title } from "@mantine/core";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";

import { act } from "@/api/client";
import { keys } from "@/api/queries";
import { useSpoken } from "@/app/language";
import { Refusal } from "@/app/Trouble";

/** Where Slack sends the browser back to: what it brought is handed in, once. */
export function SlackReturnPage() {
  const { t } = useSpoken();
  const navigate = useNavigate();
  const client = useQueryClient();
  const [brought] = useState(() => new URLSearchParams(window.location.search));
  const handedIn = useRef(false);
  const link = useMutation({
    mutationFn: (body: { code: string; state: string }) => act("/me/slack", body),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: keys.access });
      await navigate({ to: "/account", replace: true });
    },
  });
  const { mutate } = link;
  useEffect(() => {
    if (handedIn.current) return;
    handedIn.current = true;
    mutate({ code: brought.get("code") ?? "", state: brought.get("state") ?? "" });
  }, [brought, mutate]);
  return (
    <Stack className="k-panel" p="xl" my="xl" mx="auto" maw={520}>
      <Title order={1}>{t("account.link_slack")}</Title>
      {link.error ? <><Refusal error={link.error} /><Link to="/account" className="k-link">{t("account.title")}</Link></> : <Loader size="sm" />}
    </Stack>
  );
}
