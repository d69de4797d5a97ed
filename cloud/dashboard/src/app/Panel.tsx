import { Stack, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";

/** One matter of a page under its own heading. */
export function Panel({ title, text, children }: { title: string; text?: string; children: ReactNode }) {
  return (
    <Stack className="k-panel" p="lg" gap="sm" component="section" aria-label={title}>
      <div>
        <Title order={2} fz="lg">{title}</Title>
        {text ? <Text c="dimmed" fz="sm">{text}</Text> : null}
      </div>
      {children}
    </Stack>
  );
}
