import { Button, Group, Stack, Text, TextInput, Title } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";

import { act, read } from "@/api/client";
import type { Device } from "@/api/schema";
import { useSpoken } from "@/app/language";
import { Refusal } from "@/app/Trouble";

/** A device shows a code; whoever is signed in here says whether it may act as oneself. */
export function DevicePage() {
  const { t } = useSpoken();
  const [code, setCode] = useState(() => new URLSearchParams(window.location.search).get("code") ?? "");
  const look = useMutation({ mutationFn: (shown: string) => read<Device>(`/device/${encodeURIComponent(shown)}`) });
  const decide = useMutation({
    mutationFn: (approve: boolean) => act<Device>("/device/decisions", { user_code: code, approve }),
  });
  const device = look.data;
  return (
    <Stack className="k-panel" p="xl" my="xl" mx="auto" maw={520} gap="md">
      <Title order={1}>{t("device.title")}</Title>
      {decide.isSuccess ? (
        <Text role="status" fw={600}>{t(decide.variables ? "device.approved" : "device.denied")}</Text>
      ) : device ? (
        <>
          <Text>{t("device.question", { client: device.client, address: device.address })}</Text>
          <Text c="dimmed">{device.scopes ? t("device.scopes", { scopes: device.scopes.join(", ") }) : t("device.all")}</Text>
          <Text fz="sm" c="dimmed">{t("device.warning")}</Text>
          {decide.error ? <Refusal error={decide.error} /> : null}
          <Group>
            <Button loading={decide.isPending} onClick={() => { decide.mutate(true); }}>{t("device.approve")}</Button>
            <Button variant="default" onClick={() => { decide.mutate(false); }}>{t("device.deny")}</Button>
          </Group>
        </>
      ) : (
        <form onSubmit={(event) => { event.preventDefault(); look.mutate(code); }}>
          <Stack gap="sm">
            <TextInput label={t("device.code")} placeholder="WDJB-MJHT" required value={code} onChange={(event) => { setCode(event.currentTarget.value); }} styles={{ input: { letterSpacing: "0.15em", textTransform: "uppercase" } }} />
            {look.error ? <Refusal error={look.error} /> : null}
            <Button type="submit" loading={look.isPending}>{t("device.next")}</Button>
          </Stack>
        </form>
      )}
    </Stack>
  );
}
