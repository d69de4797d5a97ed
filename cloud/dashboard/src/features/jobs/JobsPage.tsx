import { Button, Progress, SegmentedControl, Stack, Text, Title } from "@mantine/core";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";

import { act } from "@/api/client";
import { jobQueuesQuery, jobsQuery, keys } from "@/api/queries";
import type { Job, JobQueue } from "@/api/schema";
import { Loading } from "@/app/Loading";
import { useSpoken } from "@/app/language";
import { useRefusalText } from "@/app/refusals";
import { NotAllowed, useRight, type Right } from "@/app/rights";
import { useTimes } from "@/app/times";
import { Refusal, Trouble } from "@/app/Trouble";
import classes from "@/features/jobs/JobsPage.module.css";
import { SignDrawing } from "@/status/StatusMark";

const STATES = ["waiting", "active", "delayed", "completed", "failed"] as const;
type State = (typeof STATES)[number];
const MARKS = {
  waiting: { tone: "idle", sign: "dot" },
  active: { tone: "started", sign: "play" },
  delayed: { tone: "review", sign: "turn" },
  completed: { tone: "pass", sign: "check" },
  failed: { tone: "fail", sign: "cross" },
} as const;

function countOf(queue: JobQueue, state: State): number {
  return queue[`${state}_count`];
}

function States({ queue, chosen, choose }: { queue: JobQueue; chosen: State; choose: (state: State) => void }) {
  const { name } = useSpoken();
  return (
    <div className={classes.states}>
      {STATES.map((state) => {
        const count = countOf(queue, state);
        const { tone, sign } = MARKS[state];
        return (
          <button key={state} type="button" className={`${classes.state ?? ""} k-panel`} data-tone={count > 0 ? tone : "idle"} aria-pressed={chosen === state} onClick={() => { choose(state); }}>
            <span><SignDrawing sign={sign} size={15} />{name("job_state", state)}</span>
            <b>{count >= queue.counted_until ? `${queue.counted_until}+` : count}</b>
          </button>
        );
      })}
    </div>
  );
}

function Redrive({ job, right }: { job: Job; right: Right }) {
  const { t } = useSpoken();
  const client = useQueryClient();
  const send = useMutation({
    mutationFn: () => act<Job>(`/jobs/${encodeURIComponent(job.job_id)}/redrive?queue=${encodeURIComponent(job.queue)}`, {}),
    onSettled: () => client.invalidateQueries({ queryKey: keys.jobs }),
  });
  return (
    <Stack gap={6} align="flex-start">
      <Button variant="light" disabled={!right.allowed} title={right.reason || undefined} loading={send.isPending || send.isSuccess} onClick={() => { send.mutate(); }}>
        {t("jobs.redrive")}
      </Button>
      {send.isSuccess ? <Text fz="sm" role="status">{t("jobs.redriven")}</Text> : null}
      {send.error ? <Refusal error={send.error} /> : null}
    </Stack>
  );
}

function Line({ job, right }: { job: Job; right: Right }) {
  const { t, name } = useSpoken();
  const { full } = useTimes();
  const why = useRefusalText();
  const subject = Object.entries(job.subject);
  return (
    <li className={`${classes.job ?? ""} k-panel`}>
      <Stack gap={6}>
        <h3>{name("job_kind", job.name)}</h3>
        {job.failed_code ? (
          <span className={classes.why} data-tone={job.state === "failed" ? "fail" : "review"}>
            {why(job.failed_code)} <Text span fz="sm" fw={400} c="dimmed">{job.failed_code}{job.failed_reason ? `: ${job.failed_reason}` : ""}</Text>
          </span>
        ) : null}
        {job.state === "active" ? (
          <Progress.Root size="xl" aria-label={t("jobs.progress")}>
            <Progress.Section value={Math.max(6, job.progress_ratio * 100)}><Progress.Label>{Math.round(job.progress_ratio * 100)}%</Progress.Label></Progress.Section>
          </Progress.Root>
        ) : null}
        <div className={classes.facts}>
          <span>{t("jobs.attempts", { made: job.attempts_made, count: job.attempts_count })}</span>
          <span>{t("jobs.created", { when: full(job.created_at) })}</span>
          {job.finished_at ? <span>{t("jobs.finished", { when: full(job.finished_at) })}</span> : null}
          {subject.map(([field, value]) => <span key={field}>{field} <code>{value}</code></span>)}
          <span>{t("jobs.id")} <code>{job.job_id}</code></span>
        </div>
      </Stack>
      {job.state === "failed" ? <Redrive key={job.finished_at} job={job} right={right} /> : null}
    </li>
  );
}

function Jobs({ queue, state }: { queue: string; state: State }) {
  const { t, name } = useSpoken();
  const right = useRight("redrive_job");
  const query = useQuery(jobsQuery(queue, state));
  if (query.isPending) return <Loading rows={2} />;
  if (query.isError) return <Trouble error={query.error} retry={() => void query.refetch()} />;
  return (
    <section aria-label={name("job_state", state)}>
      <Title order={2} fz="lg" mb={4}>{state === "failed" ? t("jobs.dead") : name("job_state", state)}</Title>
      {state === "failed" ? <Text c="dimmed" fz="sm" mb="sm">{t("jobs.dead_text")}</Text> : null}
      {state === "failed" && query.data.length > 0 ? <NotAllowed right={right} /> : null}
      {query.data.length === 0 ? (
        <div className={`${classes.none ?? ""} k-panel`}><Text fw={700} fz="lg">{t(state === "failed" ? "jobs.none_dead" : "jobs.none")}</Text></div>
      ) : (
        <ul className={classes.list}>{query.data.map((job) => <Line key={job.job_id} job={job} right={right} />)}</ul>
      )}
    </section>
  );
}

/** What is done in the background, and what came to nothing. */
export function JobsPage() {
  const { t, name } = useSpoken();
  const [state, setState] = useState<State>("failed");
  const [chosen, setChosen] = useState("");
  const queues = useQuery(jobQueuesQuery);
  if (queues.isPending) return <Loading />;
  if (queues.isError) return <Trouble error={queues.error} retry={() => void queues.refetch()} />;
  const queue = queues.data.find((one) => one.queue === chosen) ?? queues.data[0];
  if (!queue) return null;
  return (
    <>
      <Title order={1}>{t("jobs.title")}</Title>
      <Text c="dimmed" mb="md">{t("jobs.text")}</Text>
      {queues.data.length > 1 ? (
        <SegmentedControl mb="sm" value={queue.queue} onChange={setChosen} data={queues.data.map((one) => ({ value: one.queue, label: name("job_queue", one.queue) }))} />
      ) : (
        <Text fw={700} mb="xs">{name("job_queue", queue.queue)}</Text>
      )}
      <States queue={queue} chosen={state} choose={setState} />
      <Jobs queue={queue.queue} state={state} />
    </>
  );
}
