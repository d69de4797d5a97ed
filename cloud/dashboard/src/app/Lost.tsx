import { Stack, Text, Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";

import { useSpoken } from "@/app/language";

export function Lost() {
  const { t } = useSpoken();
  return (
    <Stack align="center" py={96} gap="xs">
      <Title order={1}>{t("lost.title")}</Title>
      <Text c="dimmed">{t("lost.text")}</Text>
      <Link to="/" className="k-link">{t("lost.back")}</Link>
    </Stack>
  );
}
