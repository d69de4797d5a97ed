import { Button, Checkbox, Group, Select, Stack, Switch, Text, TextInput, Title } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { act } from "@/api/client";
import { keys, wishesQuery } from "@/api/queries";
import type { Wishes } from "@/api/schema";
import { Loading } from "@/app/Loading";
import { useSpoken } from "@/app/language";
import { Panel } from "@/app/Panel";
import { Refusal, Trouble } from "@/app/Trouble";
import { areHoursWell, changeOf, digestsWith, draftOf, LETTERS, OTHER_CHANNELS, zonesWith, type WishesDraft } from "@/features/notifications/wishes";

interface Part {
  draft: WishesDraft;
  change: (part: Partial<WishesDraft>) => void;
}

const toggled = (list: readonly string[], one: string, isIn: boolean): string[] =>
  isIn ? [...list.filter((other) => other !== one), one] : list.filter((other) => other !== one);

function Channels({ draft, change }: Part) {
  const { t, name } = useSpoken();
  return (
    <Panel title={t("wishes.channels")} text={t("wishes.channels_text")}>
      <Checkbox checked disabled readOnly label={name("channel", "in_app")} description={t("wishes.always")} />
      {OTHER_CHANNELS.map((one) => (
        <Checkbox key={one} label={name("channel", one)} description={name("channel_text", one)} checked={draft.channels.includes(one)} onChange={(event) => { change({ channels: toggled(draft.channels, one, event.currentTarget.checked) }); }} />
      ))}
    </Panel>
  );
}

function Letters({ draft, change }: Part) {
  const { t, name } = useSpoken();
  return (
    <Panel title={t("wishes.letters")} text={t("wishes.letters_text")}>
      {LETTERS.map((letter) => (
        <Switch key={letter} label={<><b>{letter}</b> {name("letter", letter)}</>} description={name("letter_text", letter)} checked={!draft.muted.includes(letter)} onChange={(event) => { change({ muted: toggled(draft.muted, letter, !event.currentTarget.checked) }); }} />
      ))}
    </Panel>
  );
}

function Hours({ draft, change }: Part) {
  const { t } = useSpoken();
  return (
    <Panel title={t("wishes.quiet")} text={t("wishes.quiet_text")}>
      <Switch label={t("wishes.quiet_on")} checked={draft.isQuiet} onChange={(event) => { change({ isQuiet: event.currentTarget.checked }); }} />
      <Group align="flex-start">
        <TextInput type="time" label={t("wishes.from")} disabled={!draft.isQuiet} value={draft.from} onChange={(event) => { change({ from: event.currentTarget.value }); }} w={150} />
        <TextInput type="time" label={t("wishes.until")} disabled={!draft.isQuiet} value={draft.until} onChange={(event) => { change({ until: event.currentTarget.value }); }} w={150} />
        <Select label={t("wishes.zone")} searchable allowDeselect={false} data={zonesWith(draft.zone)} value={draft.zone} onChange={(zone) => { if (zone) change({ zone }); }} w={240} />
      </Group>
      {areHoursWell(draft) ? null : <Text role="alert" fz="sm" c="red">{t("wishes.hours_wrong")}</Text>}
    </Panel>
  );
}

function Digest({ draft, change }: Part) {
  const { t } = useSpoken();
  const { duration } = useDigestWords();
  return (
    <Panel title={t("wishes.digest")} text={t("wishes.digest_text")}>
      <Select aria-label={t("wishes.digest")} allowDeselect={false} w={240} data={digestsWith(draft.digest).map((minutes) => ({ value: String(minutes), label: duration(minutes) }))} value={String(draft.digest)} onChange={(minutes) => { if (minutes) change({ digest: Number(minutes) }); }} />
    </Panel>
  );
}

function useDigestWords(): { duration: (minutes: number) => string } {
  const { t } = useSpoken();
  const duration = (minutes: number): string => {
    if (minutes === 0) return t("wishes.at_once");
    if (minutes === 1440) return t("wishes.daily");
    return minutes % 60 === 0 ? t("wishes.every_hours", { count: minutes / 60 }) : t("wishes.every_minutes", { count: minutes });
  };
  return { duration };
}

function Form({ wishes }: { wishes: Wishes }) {
  const { t } = useSpoken();
  const client = useQueryClient();
  const [draft, setDraft] = useState(() => draftOf(wishes));
  const save = useMutation({
    mutationFn: () => act<Wishes>("/notifications/wishes", changeOf(draft)),
    onSuccess: (kept) => { client.setQueryData(keys.wishes, kept); },
  });
  const change = (part: Partial<WishesDraft>) => { save.reset(); setDraft((before) => ({ ...before, ...part })); };
  const isChanged = JSON.stringify(changeOf(draft)) !== JSON.stringify(changeOf(draftOf(wishes)));
  return (
    <form onSubmit={(event) => { event.preventDefault(); save.mutate(); }}>
      <Stack gap="md">
        <Channels draft={draft} change={change} />
        <Letters draft={draft} change={change} />
        <Hours draft={draft} change={change} />
        <Digest draft={draft} change={change} />
        {save.error ? <Refusal error={save.error} /> : null}
        <Group>
          <Button type="submit" disabled={!isChanged || !areHoursWell(draft)} loading={save.isPending}>{t("wishes.save")}</Button>
          {save.isSuccess ? <Text role="status" fw={600} c="green">{t("wishes.saved")}</Text> : null}
        </Group>
      </Stack>
    </form>
  );
}

/** How the person wants to be told. */
export function WishesPage() {
  const { t } = useSpoken();
  const query = useQuery(wishesQuery);
  if (query.isPending) return <Loading />;
  if (query.isError) return <Trouble error={query.error} retry={() => void query.refetch()} />;
  return (
    <Stack gap="md" maw={860} mx="auto">
      <Title order={1}>{t("wishes.title")}</Title>
      <Form wishes={query.data} />
    </Stack>
  );
}
