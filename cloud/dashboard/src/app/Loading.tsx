import { Skeleton, Stack } from "@mantine/core";

import { useSpoken } from "@/app/language";

export function Loading({ rows = 4 }: { rows?: number }) {
  const { t } = useSpoken();
  return (
    <Stack aria-busy aria-label={t("common.loading")} role="status" gap="sm" p="md">
      <Skeleton h={34} w={260} />
      {Array.from({ length: rows }, (_, row) => (
        <Skeleton key={row} h={72} radius="lg" />
      ))}
    </Stack>
  );
}
