import { Alert, Button, Code, CopyButton, Group, Stack } from "@mantine/core";

import type { IssuedWebhookSecret } from "@/api/schema";
import { useSpoken } from "@/app/language";

function Copied({ text }: { text: string }) {
  const { t } = useSpoken();
  return (
    <Group gap="sm">
      <Code fz="sm" style={{ overflowWrap: "anywhere" }}>{text}</Code>
      <CopyButton value={text}>{({ copied, copy }) => <Button size="xs" variant="default" onClick={copy}>{t(copied ? "sign_in.copied" : "sign_in.copy")}</Button>}</CopyButton>
    </Group>
  );
}

/** A secret that is told here and never again; an endpoint's address with it. */
export function IssuedSecret({ issued }: { issued: IssuedWebhookSecret }) {
  const { t } = useSpoken();
  return (
    <Alert color="green" title={t("webhooks.secret_once")}>
      <Stack gap="xs">
        {issued.path ? <Copied text={`${window.location.origin}${issued.path}`} /> : null}
        <Copied text={issued.secret} />
      </Stack>
    </Alert>
  );
}
