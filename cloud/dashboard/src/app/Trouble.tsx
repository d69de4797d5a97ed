import { Button, Code, Stack, Text } from "@mantine/core";
import { Link } from "@tanstack/react-router";

import { ApiError } from "@/api/client";
import { useSpoken } from "@/app/language";

/** What a person reads of a refusal: the cloud's words, or ours where it had none. */
export function useWords() {
  const { t } = useSpoken();
  return (error: unknown): { text: string; request: string } => {
    if (!(error instanceof ApiError)) return { text: t("error.unexpected"), request: "" };
    if (error.message) return { text: error.message, request: error.requestId };
    if (error.status === 0) return { text: t("error.unreachable"), request: "" };
    return { text: t("error.refused", { code: error.code }), request: error.requestId };
  };
}

interface Props {
  error: unknown;
  retry?: () => void;
}

/** A refusal where the page's content would stand. */
export function Trouble({ error, retry }: Props) {
  const { t } = useSpoken();
  const { text, request } = useWords()(error);
  const again = retry ?? (() => { window.location.reload(); });
  return (
    <Stack className="k-panel" align="flex-start" p="xl" my="md" mx="auto" maw={640} gap="sm" role="alert">
      <Text fw={700} fz="lg">{t("error.title")}</Text>
      <Text>{text}</Text>
      {request ? <RequestId id={request} /> : null}
      <Button variant="light" onClick={again}>{t("error.again")}</Button>
    </Stack>
  );
}

export function RequestId({ id }: { id: string }) {
  const { t } = useSpoken();
  return (
    <Text fz="sm" c="dimmed">
      {t("error.request")} <Code>{id}</Code>
    </Text>
  );
}

const HELD = "APPROVAL_PENDING";

/** A refusal beside the button that caused it. */
export function Refusal({ error }: { error: unknown }) {
  const { text, request } = useWords()(error);
  const { t } = useSpoken();
  const isHeld = error instanceof ApiError && error.code === HELD;
  const where = error instanceof ApiError && typeof error.details.field === "string" ? error.details.field : "";
  return (
    <div role="alert" data-tone={isHeld ? "review" : "fail"} style={{ background: "var(--tone-soft)", color: "var(--tone)", borderRadius: 10, padding: "0.7rem 0.9rem" }}>
      <Text fw={600}>{text}</Text>
      {isHeld ? <Link to="/approvals" className="k-link">{t("error.held")}</Link> : null}
      {where ? <Text fz="sm">{t("error.where")} <Code>{where}</Code></Text> : null}
      {request && !isHeld ? <RequestId id={request} /> : null}
    </div>
  );
}
