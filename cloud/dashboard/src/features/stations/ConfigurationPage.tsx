import { Button, Group, Select, Stack, Text, TextInput, Title } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link, useParams } from "@tanstack/react-router";
import { useState } from "react";

import { replace } from "@/api/client";
import { configurationQuery, keys } from "@/api/queries";
import type { ConfigurationField, StationConfiguration } from "@/api/schema";
import { Loading } from "@/app/Loading";
import { useSpoken } from "@/app/language";
import { Panel } from "@/app/Panel";
import { usePeople } from "@/app/people";
import { NotAllowed, useRight } from "@/app/rights";
import { useTimes } from "@/app/times";
import { Refusal, Trouble } from "@/app/Trouble";
import classes from "@/features/stations/ConfigurationPage.module.css";
import { StationLogs } from "@/features/stations/StationLogs";
import { cameraOf, documentIn, documentOf, keyOf, problemsIn, strangersIn, typedOf, unitOf, type Problem, type Typed } from "@/features/stations/fields";

const TONES: Record<string, string> = { applied: "pass", refused: "fail", pending: "started", away: "review" };

/** What the station made of it. */
function Standing({ configuration }: { configuration: StationConfiguration }) {
  const { t, name } = useSpoken();
  const { full } = useTimes();
  const who = usePeople();
  const { standing, refusal, detail, version, saved_by, saved_at } = configuration;
  const waitsFor = standing === "pending" && detail ? name("configuration_refusal", detail) : "";
  return (
    <div className={classes.standing} data-tone={TONES[standing] ?? "idle"} role="status">
      <b>{name("configuration_standing", standing)}</b>
      {waitsFor ? <span>{waitsFor}</span> : null}
      {standing === "refused" ? <span>{name("configuration_refusal", refusal)} <small>{detail}</small></span> : null}
      {version > 0 ? <small>{t("configuration.saved_by", { version, person: who(saved_by), when: saved_at ? full(saved_at) : "" })}</small> : null}
    </div>
  );
}

interface Line {
  field: ConfigurationField;
  value: string;
  problem: Problem | undefined;
  isShut: boolean;
  change: (value: string) => void;
}

function Field({ field, value, problem, isShut, change }: Line) {
  const { t, name } = useSpoken();
  const { section, minimum, maximum } = field;
  const unit = unitOf(field.name);
  const title = name("setting", `${section}_${field.name}`);
  const label = unit ? `${title} (${name("unit", unit)})` : title;
  const isNumber = field.kind === "number" || field.kind === "integer";
  const range = isNumber && minimum !== null && maximum !== null ? `${String(minimum)} – ${String(maximum)}` : undefined;
  const error = problem ? t(`configuration.${problem.text}`, problem.values) : undefined;
  if (field.kind === "boolean" || field.kind === "choice") {
    const codes = field.kind === "boolean" ? ["true", "false"] : field.choices;
    return (
      <Select label={label} placeholder={t("configuration.own")} clearable disabled={isShut} error={error} value={value || null}
        data={codes.map((code) => ({ value: code, label: name("setting_choice", code) }))} onChange={(chosen) => { change(chosen ?? ""); }} />
    );
  }
  return (
    <TextInput label={label} description={range} placeholder={t("configuration.own")} disabled={isShut} error={error} value={value}
      type={field.pattern.includes(":") ? "time" : "text"} inputMode={isNumber ? "decimal" : "text"} onChange={(event) => { change(event.currentTarget.value); }} />
  );
}

/** What is known of the camera that the settings are for. */
function useCameraText({ camera: told, fields }: StationConfiguration): string {
  const { t } = useSpoken();
  if (!told) return t("configuration.camera_unknown");
  const { kind, which } = cameraOf(told);
  const camera = t(`camera_kind.${kind}`, { which, defaultValue: told });
  const isFixed = !fields.some((field) => field.section === "camera");
  return isFixed ? t("configuration.camera_fixed", { camera }) : t("configuration.camera_known", { camera });
}

function Form({ configuration, tag }: { configuration: StationConfiguration; tag: string }) {
  const { t, name } = useSpoken();
  const client = useQueryClient();
  const right = useRight("configure_station");
  const { station_id: id, fields, sizes_px: sizes } = configuration;
  const before = typedOf(documentIn(configuration));
  const [typed, setTyped] = useState<Typed>(before);
  const aboutCamera = useCameraText(configuration);
  const strangers = strangersIn(typed, fields);
  const problems = problemsIn(typed, fields, sizes);
  const document = documentOf(typed, fields);
  const save = useMutation({
    mutationFn: () => replace<StationConfiguration>(`/stations/${encodeURIComponent(id)}/configuration`, { document }, tag),
    onSettled: () => client.invalidateQueries({ queryKey: keys.configuration(id) }),
  });
  const change = (key: string, value: string) => { save.reset(); setTyped((now) => ({ ...now, [key]: value })); };
  const sections = [...new Set(["camera", ...fields.map((field) => field.section)])];
  const isSame = JSON.stringify(document) === JSON.stringify(documentOf(before, fields)) && strangers.length === 0;
  return (
    <form noValidate onSubmit={(event) => { event.preventDefault(); save.mutate(); }}>
      <Stack gap="md">
        <NotAllowed right={right} />
        {sections.map((section) => {
          const own = fields.filter((field) => field.section === section);
          const text = section === "camera" ? aboutCamera : name("setting_section_text", section);
          return (
            <Panel key={section} title={name("setting_section", section)} text={text}>
              <div className={classes.fields}>
                {own.map((field) => (
                  <Field key={keyOf(field)} field={field} value={typed[keyOf(field)] ?? ""} problem={problems[keyOf(field)]} isShut={!right.allowed}
                    change={(value) => { change(keyOf(field), value); }} />
                ))}
              </div>
            </Panel>
          );
        })}
        {strangers.length > 0 ? (
          <Text role="note" fz="sm">{t("configuration.strangers", { settings: strangers.map((key) => name("setting", key.replace(".", "_"))).join(", ") })}</Text>
        ) : null}
        {save.error ? <Refusal error={save.error} /> : null}
        <Group>
          <Button type="submit" disabled={!right.allowed || isSame || Object.keys(problems).length > 0} loading={save.isPending}>{t("configuration.save")}</Button>
          {isSame ? null : <Button variant="default" onClick={() => { save.reset(); setTyped(before); }}>{t("configuration.undo")}</Button>}
        </Group>
      </Stack>
    </form>
  );
}

/** What can be set at a station from here. */
export function ConfigurationPage() {
  const { t } = useSpoken();
  const { stationId } = useParams({ from: "/inside/stations/$stationId/configuration" });
  const query = useQuery(configurationQuery(stationId));
  if (query.isPending) return <Loading />;
  if (query.isError) return <Trouble error={query.error} retry={() => void query.refetch()} />;
  const { answer, tag } = query.data;
  return (
    <Stack gap="md" maw={980} mx="auto">
      <div>
        <Link to="/" className="k-link">{t("layout.floor")}</Link>
        <Title order={1}>{t("configuration.title", { station: answer.station_name })}</Title>
        <Text c="dimmed">{t("configuration.text")}</Text>
      </div>
      <Standing configuration={answer} />
      {/* Another version, or another camera: what was typed for the one before is of no use. */}
      <Form key={`${answer.version} ${answer.camera}`} configuration={answer} tag={tag} />
      <StationLogs id={stationId} />
    </Stack>
  );
}
