import { Button, Group, Text, Textarea, Title } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";

import { act } from "@/api/client";
import { conversationQuery, earlierQuery, keys } from "@/api/queries";
import type { Conversation, ConversationLine, Entry } from "@/api/schema";
import { Loading } from "@/app/Loading";
import { useSpoken } from "@/app/language";
import { usePeople } from "@/app/people";
import { useTimes } from "@/app/times";
import { Refusal, Trouble } from "@/app/Trouble";
import classes from "@/features/conversations/ConversationsPage.module.css";

const HERE = "web";

function Said({ entry }: { entry: Entry }) {
  const { name } = useSpoken();
  const { full } = useTimes();
  const who = usePeople();
  return (
    <li className={classes.entry} data-role={entry.role}>
      {entry.text}
      <small>{entry.role === "user" ? who(entry.author) : name("role", entry.role)} · {name("interface", entry.interface)} · {full(entry.at)}</small>
    </li>
  );
}

function Entries({ conversation }: { conversation: Conversation }) {
  const { t } = useSpoken();
  const first = conversation.entries[0]?.sequence ?? 1;
  const [wants, setWants] = useState(false);
  const earlier = useQuery({ ...earlierQuery(conversation.session.session_id, first), enabled: wants && first > 1 });
  const end = useRef<HTMLLIElement>(null);
  const last = conversation.session.last_sequence;
  useEffect(() => { end.current?.scrollIntoView({ block: "nearest" }); }, [last]);
  return (
    <>
      {first > 1 && !earlier.data ? <Button size="xs" variant="default" style={{ justifySelf: "center" }} loading={wants && earlier.isPending} onClick={() => { setWants(true); }}>{t("conversations.earlier")}</Button> : null}
      {earlier.error ? <Refusal error={earlier.error} /> : null}
      {conversation.entries.length === 0 ? <Text c="dimmed">{t("conversations.empty")}</Text> : (
        <ul className={classes.entries} tabIndex={0} aria-label={t("conversations.history")}>
          {[...(earlier.data ?? []), ...conversation.entries].map((entry) => <Said key={entry.sequence} entry={entry} />)}
          <li ref={end} aria-hidden />
        </ul>
      )}
    </>
  );
}

function Saying({ session }: { session: ConversationLine }) {
  const { t, name } = useSpoken();
  const client = useQueryClient();
  const [text, setText] = useState("");
  const at = `/sessions/${encodeURIComponent(session.session_id)}`;
  const isElsewhere = session.interface !== HERE;
  const say = useMutation({
    mutationFn: async () => {
      if (isElsewhere) await act(`${at}/interface`, { interface: HERE });
      return act(`${at}/entries`, { text: text.trim() });
    },
    onSuccess: () => { setText(""); },
    onSettled: () => client.invalidateQueries({ queryKey: keys.conversations }),
  });
  const end = useMutation({
    mutationFn: () => act(`${at}/end`, {}),
    onSettled: () => client.invalidateQueries({ queryKey: keys.conversations }),
  });
  const error = say.error ?? end.error;
  return (
    <form onSubmit={(event) => { event.preventDefault(); say.mutate(); }}>
      <Textarea label={t(isElsewhere ? "conversations.continue" : "conversations.say")} description={isElsewhere ? t("conversations.elsewhere", { where: name("interface", session.interface) }) : undefined} autosize minRows={2} maxRows={10} maxLength={32000} value={text} onChange={(event) => { setText(event.currentTarget.value); }} />
      {error ? <Refusal error={error} /> : null}
      <Group justify="space-between" mt="sm">
        <Button variant="default" loading={end.isPending} onClick={() => { end.mutate(); }}>{t("conversations.end")}</Button>
        <Button type="submit" disabled={!text.trim()} loading={say.isPending}>{t("conversations.send")}</Button>
      </Group>
    </form>
  );
}

/** One conversation with what was said, from whichever interface, and how it goes on. */
export function Talk({ id }: { id: string }) {
  const { t, name } = useSpoken();
  const { full } = useTimes();
  const query = useQuery(conversationQuery(id));
  if (query.isPending) return <Loading rows={2} />;
  if (query.isError) return <Trouble error={query.error} retry={() => void query.refetch()} />;
  const { session } = query.data;
  return (
    <section className={`${classes.talk ?? ""} k-panel`}>
      <Group justify="space-between">
        <div>
          <Title order={2} fz="lg">{t("conversations.since", { where: name("interface", session.source), when: full(session.created_at) })}</Title>
          <Text c="dimmed" fz="sm">{t("conversations.counts", { said: session.user_count, answered: session.assistant_count })}</Text>
        </div>
        <Link to="/conversations" search={{}} className="k-link">{t("common.close")}</Link>
      </Group>
      <Entries conversation={query.data} />
      {session.state === "active" ? <Saying session={session} /> : <Text c="dimmed" role="status">{t("conversations.ended", { when: full(session.ended_at) })}</Text>}
    </section>
  );
}
