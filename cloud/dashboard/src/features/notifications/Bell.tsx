import { ActionIcon, Button, Group, Popover, ScrollArea, Text } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";

import { act } from "@/api/client";
import { keys, notificationsQuery } from "@/api/queries";
import type { Digest, MarkedRead, Notification } from "@/api/schema";
import { useSpoken } from "@/app/language";
import { usePeople } from "@/app/people";
import { useRefusalText } from "@/app/refusals";
import { useTimes } from "@/app/times";
import { Refusal } from "@/app/Trouble";
import classes from "@/features/notifications/Bell.module.css";
import { tellDetails } from "@/features/notifications/details";
import { entriesOf } from "@/features/notifications/gathered";

function Line({ told }: { told: Notification }) {
  const { t, name } = useSpoken();
  const { full } = useTimes();
  const who = usePeople();
  const why = useRefusalText();
  const about = tellDetails(told.details, { name, who, why });
  return (
    <li className={classes.line} data-unread={told.read_at ? undefined : true}>
      <b>{name("notification_kind", told.kind)}</b>
      {about ? <span>{about}</span> : null}
      <small>
        {full(told.told_at)}
        {told.repeats > 0 ? ` · ${t("notification.again", { count: told.repeats })}` : ""}
      </small>
    </li>
  );
}

/** What came together is one entry: how many of each kind, and the newest few. */
function Gathered({ digest }: { digest: Digest }) {
  const { t, name } = useSpoken();
  const { full } = useTimes();
  const named = digest.newest.reduce((sum, told) => sum + 1 + told.repeats, 0);
  return (
    <li className={classes.line} data-unread={digest.unread > 0 ? true : undefined}>
      <b>{t("notification.digest", { count: digest.count })}</b>
      <span>
        {digest.kinds.map((one) => t("notification.digest_kind", { title: name("notification_kind", one.kind), count: one.count })).join(", ")}
      </span>
      <ul className={classes.newest}>
        {digest.newest.map((told) => (
          <li key={told.notification_id}>{[name("notification_kind", told.kind), ...Object.values(told.details)].join(" · ")}</li>
        ))}
        {digest.count > named ? <li>{t("notification.digest_more", { count: digest.count - named })}</li> : null}
      </ul>
      <small>{full(digest.told_at)}</small>
    </li>
  );
}

/** What the person was told; opening it changes nothing, the button marks all as read. */
export function Bell() {
  const { t } = useSpoken();
  const [isOpen, setOpen] = useState(false);
  const client = useQueryClient();
  const query = useQuery(notificationsQuery);
  const read = useMutation({
    mutationFn: () => act<MarkedRead>("/notifications/read", {}),
    onSuccess: () => client.invalidateQueries({ queryKey: keys.notifications }),
  });
  const unread = query.data?.unread ?? 0;
  const list = query.data?.notifications ?? [];
  return (
    <Popover opened={isOpen} onChange={setOpen} position="bottom-end" width={380} shadow="md">
      <Popover.Target>
        <ActionIcon
          variant="subtle"
          color="gray"
          size="lg"
          className={classes.bell}
          aria-label={t("notification.bell", { count: unread })}
          onClick={() => { setOpen(!isOpen); }}
        >
          <svg width="19" height="19" viewBox="0 0 20 20" fill="none" stroke="currentColor" strokeWidth="1.8" strokeLinecap="round" strokeLinejoin="round" aria-hidden>
            <path d="M4 14h12l-1.4-2.2V8.5a4.6 4.6 0 0 0-9.2 0v3.3zM8.3 16.8a1.8 1.8 0 0 0 3.4 0M10 2v1.6" />
          </svg>
          {unread > 0 ? <b>{unread > 99 ? "99+" : unread}</b> : null}
        </ActionIcon>
      </Popover.Target>
      <Popover.Dropdown>
        <Group justify="space-between" mb="xs" gap="xs">
          <Text fw={700}>{t("notification.title")}</Text>
          <Button size="compact-sm" variant="subtle" disabled={unread === 0} loading={read.isPending} onClick={() => { read.mutate(); }}>
            {t("notification.read_all")}
          </Button>
        </Group>
        {query.error ? <Refusal error={query.error} /> : null}
        {read.error ? <Refusal error={read.error} /> : null}
        {list.length === 0 ? (
          <Text c="dimmed" fz="sm">{t("notification.none")}</Text>
        ) : (
          <ScrollArea.Autosize mah={420}>
            <ul className={classes.list}>
              {entriesOf(list, query.data?.digests ?? []).map((entry) =>
                "kinds" in entry ? <Gathered key={entry.digest} digest={entry} /> : <Line key={entry.notification_id} told={entry} />,
              )}
            </ul>
          </ScrollArea.Autosize>
        )}
        <Link to="/account/notifications" className={`k-link ${classes.wishes ?? ""}`} onClick={() => { setOpen(false); }}>{t("layout.notifications")}</Link>
      </Popover.Dropdown>
    </Popover>
  );
}
