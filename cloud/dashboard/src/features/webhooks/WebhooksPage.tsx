import { Stack, Title } from "@mantine/core";

import { useSpoken } from "@/app/language";
import { Endpoints } from "@/features/webhooks/Endpoints";
import { Subscriptions } from "@/features/webhooks/Subscriptions";

/** Messages to and from other systems. */
export function WebhooksPage() {
  const { t } = useSpoken();
  return (
    <Stack gap="md">
      <Title order={1}>{t("webhooks.title")}</Title>
      <Subscriptions />
      <Endpoints />
    </Stack>
  );
}
