import { Button, Group, Text, Title } from "@mantine/core";
import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, useNavigate, useSearch } from "@tanstack/react-router";

import { act } from "@/api/client";
import { conversationsQuery, keys } from "@/api/queries";
import type { ConversationLine } from "@/api/schema";
import { Loading } from "@/app/Loading";
import { useSpoken } from "@/app/language";
import { useTimes } from "@/app/times";
import { Refusal, Trouble } from "@/app/Trouble";
import classes from "@/features/conversations/ConversationsPage.module.css";
import { Talk } from "@/features/conversations/Talk";

function Line({ session, isOpen }: { session: ConversationLine; isOpen: boolean }) {
  const { t, name } = useSpoken();
  const { full } = useTimes();
  const moved = session.source === session.interface ? "" : ` → ${name("interface", session.interface)}`;
  return (
    <li>
      <Link to="/conversations" search={{ open: session.session_id }} className={`${classes.line ?? ""} k-panel`} data-open={isOpen || undefined}>
        <b>{name("interface", session.source)}{moved}</b>
        <span>{full(session.last_used_at)}</span>
        <small>{name("session_state", session.state)} · {t("conversations.entries", { count: session.last_sequence })}</small>
      </Link>
    </li>
  );
}

/** One's own conversations with the system, from every interface. */
export function ConversationsPage() {
  const { t } = useSpoken();
  const { open } = useSearch({ from: "/inside/conversations" });
  const navigate = useNavigate();
  const client = useQueryClient();
  const query = useInfiniteQuery(conversationsQuery);
  const start = useMutation({
    mutationFn: () => act<ConversationLine>("/sessions", {}),
    onSuccess: async (started) => {
      await client.invalidateQueries({ queryKey: keys.conversations });
      await navigate({ to: "/conversations", search: { open: started.session_id } });
    },
  });
  if (query.isPending) return <Loading />;
  if (query.isError) return <Trouble error={query.error} retry={() => void query.refetch()} />;
  const sessions = query.data.pages.flat();
  return (
    <>
      <Group justify="space-between" mb="md">
        <div>
          <Title order={1}>{t("conversations.title")}</Title>
          <Text c="dimmed">{t("conversations.text")}</Text>
        </div>
        <Button loading={start.isPending} onClick={() => { start.mutate(); }}>{t("conversations.start")}</Button>
      </Group>
      {start.error ? <Refusal error={start.error} /> : null}
      <div className={classes.columns} data-open={open ? true : undefined}>
        {sessions.length === 0 ? <div className={`${classes.none ?? ""} k-panel`}><Text fw={700}>{t("conversations.none")}</Text></div> : (
          <div>
            <ul className={classes.list}>{sessions.map((one) => <Line key={one.session_id} session={one} isOpen={one.session_id === open} />)}</ul>
            {query.hasNextPage ? <Button mt="sm" variant="default" fullWidth loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>{t("work_orders.more")}</Button> : null}
          </div>
        )}
        {open ? <Talk key={open} id={open} /> : null}
      </div>
    </>
  );
}
