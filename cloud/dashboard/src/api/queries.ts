import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

import type { Approval, ApprovalLine, Calibration, Conversation, ConversationLine, Dispute, Entry, Explanation, Floor, Invitation, Job, JobQueue, Me, ModelBundle, MyAccess, NamedKind, NotificationPage, Organization, Person, Piece, RegistryProblem, Rollout, RolloutDefaults, SignInMethods, Station, StationConfiguration, StationLogs, TaughtBank, WebhookDelivery, WebhookEndpoint, WebhookSubscription, Wishes, WorkOrder, WorkOrderPage } from "@/api/schema";
import { act, read, readTagged } from "@/api/client";
import { keepResults } from "@/live/floor_patch";

export const keys = {
  me: ["me"] as const,
  access: ["access"] as const,
  myOrganizations: ["my-organizations"] as const,
  signInMethods: ["sign-in-methods"] as const,
  floor: ["floor"] as const,
  workOrders: ["work-orders"] as const,
  workOrder: (id: string) => ["work-order", id] as const,
  piece: (id: string) => ["piece", id] as const,
  pieces: ["piece"] as const,
  persons: ["persons"] as const,
  disputes: ["disputes"] as const,
  openDisputes: ["disputes", "open"] as const,
  allDisputes: ["disputes", "all"] as const,
  approvals: ["approvals"] as const,
  arrivals: (sha256: string) => ["arrivals", sha256] as const,
  notifications: ["notifications"] as const,
  wishes: ["notification-wishes"] as const,
  jobs: ["jobs"] as const,
  learned: ["learned"] as const,
  webhooks: ["webhooks"] as const,
  deliveries: (id: string) => ["webhooks", "deliveries", id] as const,
  conversations: ["conversations"] as const,
  conversation: (id: string) => ["conversations", id] as const,
  configurations: ["station-configuration"] as const,
  configuration: (id: string) => ["station-configuration", id] as const,
  stationLogs: ["station-logs"] as const,
  registryProblems: ["registry-problems"] as const,
  rollouts: ["rollouts"] as const,
  stations: ["stations"] as const,
};

export const meQuery = queryOptions({
  queryKey: keys.me,
  queryFn: ({ signal }) => read<Me>("/me", signal),
  staleTime: Infinity,
});

export const accessQuery = queryOptions({
  queryKey: keys.access,
  queryFn: ({ signal }) => read<MyAccess>("/me/access", signal),
  staleTime: 0,
});

export const myOrganizationsQuery = queryOptions({
  queryKey: keys.myOrganizations,
  queryFn: ({ signal }) => read<Organization[]>("/me/organizations", signal),
});

export const signInMethodsQuery = queryOptions({
  queryKey: keys.signInMethods,
  queryFn: ({ signal }) => read<SignInMethods>("/login/methods", signal),
});

export const invitationQuery = (token: string) =>
  queryOptions({
    queryKey: ["invitation", token],
    queryFn: () => act<Invitation>("/invitations/description", { token }),
    retry: false,
  });

export const floorQuery = queryOptions({
  queryKey: keys.floor,
  queryFn: ({ signal }) => read<Floor>("/floor", signal),
  structuralSharing: (before, after) => keepResults(before as Floor | undefined, after as Floor),
});

export const workOrdersQuery = infiniteQueryOptions({
  queryKey: keys.workOrders,
  queryFn: ({ signal, pageParam }) =>
    read<WorkOrderPage>(`/work-orders${pageParam ? `?cursor=${encodeURIComponent(pageParam)}` : ""}`, signal),
  initialPageParam: "",
  getNextPageParam: (page) => page.next_cursor || undefined,
});

export const workOrderQuery = (id: string) =>
  queryOptions({
    queryKey: keys.workOrder(id),
    queryFn: ({ signal }) => read<WorkOrder>(`/work-orders/${encodeURIComponent(id)}`, signal),
  });

export const pieceQuery = (id: string) =>
  queryOptions({
    queryKey: keys.piece(id),
    queryFn: ({ signal }) => read<Piece>(`/pieces/${encodeURIComponent(id)}`, signal),
  });

export const personsQuery = queryOptions({
  queryKey: keys.persons,
  queryFn: ({ signal }) => read<Person[]>("/persons", signal),
  staleTime: 10 * 60_000,
});

/** What is put off by quiet hours or a digest comes without an event: it is asked for again. */
export const notificationsQuery = queryOptions({
  queryKey: keys.notifications,
  queryFn: ({ signal }) => read<NotificationPage>("/notifications?limit=50", signal),
  refetchInterval: 60_000,
});

export const disputesQuery = (openOnly: boolean) =>
  queryOptions({
    queryKey: openOnly ? keys.openDisputes : keys.allDisputes,
    queryFn: ({ signal }) => read<Dispute[]>(`/disputes?open_only=${String(openOnly)}`, signal),
    // That a fact took effect after all is an event of the piece, not of the dispute.
    refetchInterval: ({ state }) => (state.data?.some((one) => one.outcome === "UNDERWAY") ? 2000 : false),
  });

export const approvalsQuery = (ownOnly: boolean) =>
  queryOptions({
    queryKey: [...keys.approvals, ownOnly ? "own" : "waiting"],
    queryFn: ({ signal }) => read<ApprovalLine[]>(ownOnly ? "/approvals/own" : "/approvals", signal),
  });

export const approvalQuery = (id: string) =>
  queryOptions({
    queryKey: [...keys.approvals, id],
    queryFn: ({ signal }) => read<Approval>(`/approvals/${encodeURIComponent(id)}`, signal),
  });

/** How often a picture has arrived while this page was open: each time it is worth another try. */
export const arrivalsQuery = (sha256: string) =>
  queryOptions({ queryKey: keys.arrivals(sha256), queryFn: () => 0, initialData: 0, enabled: false });

export const registryProblemsQuery = queryOptions({
  queryKey: keys.registryProblems,
  queryFn: ({ signal }) => read<RegistryProblem[]>("/registry/problems", signal),
  refetchInterval: 15_000,
});

/** What the matrix says about a person and an action: pages say beforehand what would be refused. */
export const rightQuery = (login: string, action: string) =>
  queryOptions({
    queryKey: ["right", login, action],
    queryFn: ({ signal }) =>
      read<Explanation>(`/permissions/why?user=${encodeURIComponent(login)}&action=${encodeURIComponent(action)}`, signal),
  });

export const wishesQuery = queryOptions({
  queryKey: keys.wishes,
  queryFn: ({ signal }) => read<Wishes>("/notifications/wishes", signal),
});

export const configurationQuery = (id: string) =>
  queryOptions({
    queryKey: keys.configuration(id),
    queryFn: async ({ signal }) => {
      const { answer, tag } = await readTagged(`/stations/${encodeURIComponent(id)}/configuration`, signal);
      return { answer: answer as StationConfiguration, tag };
    },
    // That a station came or went is no event of its configuration.
    refetchInterval: ({ state }) => (state.data?.answer.standing === "away" ? QUIET_MS : false),
  });

/** What a station answered last when somebody asked for its log. */
export const stationLogsQuery = (id: string) =>
  queryOptions({
    queryKey: [...keys.stationLogs, id],
    queryFn: ({ signal }) => read<StationLogs>(`/stations/${encodeURIComponent(id)}/logs`, signal),
  });

const BUSY_MS = 3000;
const QUIET_MS = 10_000;
const isBusy = (one: JobQueue): boolean => one.waiting_count + one.active_count + one.delayed_count > 0;

/** Progress comes without an event: while something is under way it is asked for again and again. */
export const jobQueuesQuery = queryOptions({
  queryKey: [...keys.jobs, "queues"],
  queryFn: ({ signal }) => read<JobQueue[]>("/jobs/queues", signal),
  refetchInterval: ({ state }) => (state.data?.some(isBusy) ? BUSY_MS : QUIET_MS),
});

export const jobsQuery = (queue: string, state: string) =>
  queryOptions({
    queryKey: [...keys.jobs, queue, state],
    queryFn: ({ signal }) => read<Job[]>(`/jobs?queue=${encodeURIComponent(queue)}&state=${state}&limit=50`, signal),
    refetchInterval: BUSY_MS,
  });

export const taughtBanksQuery = queryOptions({
  queryKey: [...keys.learned, "banks"],
  queryFn: ({ signal }) => read<TaughtBank[]>("/taught-banks", signal),
});

export const namedKindsQuery = queryOptions({
  queryKey: [...keys.learned, "kinds"],
  queryFn: ({ signal }) => read<NamedKind[]>("/named-kinds", signal),
});

export const calibrationsQuery = queryOptions({
  queryKey: [...keys.learned, "calibrations"],
  queryFn: ({ signal }) => read<Calibration[]>("/calibrations", signal),
});

export const webhookSubscriptionsQuery = queryOptions({
  queryKey: [...keys.webhooks, "subscriptions"],
  queryFn: ({ signal }) => read<WebhookSubscription[]>("/webhooks/subscriptions", signal),
});

export const webhookEndpointsQuery = queryOptions({
  queryKey: [...keys.webhooks, "endpoints"],
  queryFn: ({ signal }) => read<WebhookEndpoint[]>("/webhooks/endpoints", signal),
});

/** Attempts come without an event. */
export const deliveriesQuery = (id: string) =>
  queryOptions({
    queryKey: keys.deliveries(id),
    queryFn: ({ signal }) => read<WebhookDelivery[]>(`/webhooks/subscriptions/${encodeURIComponent(id)}/deliveries?limit=50`, signal),
    refetchInterval: QUIET_MS,
  });

/** Released bundles change with the rollouts' key: an event of either makes both old. */
export const modelBundlesQuery = queryOptions({
  queryKey: [...keys.rollouts, "bundles"],
  queryFn: ({ signal }) => read<ModelBundle[]>("/model-bundles?limit=100", signal),
});

export const rolloutDefaultsQuery = queryOptions({
  queryKey: [...keys.rollouts, "defaults"],
  queryFn: ({ signal }) => read<RolloutDefaults>("/rollout-defaults", signal),
  staleTime: Infinity,
});

export const rolloutsQuery = queryOptions({
  queryKey: [...keys.rollouts, "list"],
  queryFn: ({ signal }) => read<Rollout[]>("/rollouts?limit=20", signal),
});

const ENDED = new Set(["DONE", "HALTED", "DRAFT", "SIGNED"]);

/** Garments are counted without an event: while a rollout is on its way it is asked for again. */
export const rolloutQuery = (id: string) =>
  queryOptions({
    queryKey: [...keys.rollouts, "one", id],
    queryFn: ({ signal }) => read<Rollout>(`/rollouts/${encodeURIComponent(id)}`, signal),
    refetchInterval: ({ state }) => (state.data && ENDED.has(state.data.stage) ? false : BUSY_MS),
  });

export const stationsQuery = queryOptions({
  queryKey: keys.stations,
  queryFn: ({ signal }) => read<Station[]>("/stations?limit=500", signal),
});

const CONVERSATIONS_COUNT = 50;

export const conversationsQuery = infiniteQueryOptions({
  queryKey: [...keys.conversations, "list"],
  queryFn: ({ signal, pageParam }) =>
    read<ConversationLine[]>(`/sessions?limit=${CONVERSATIONS_COUNT}&before=${encodeURIComponent(pageParam)}`, signal),
  initialPageParam: "",
  getNextPageParam: (page) => (page.length < CONVERSATIONS_COUNT ? undefined : page.at(-1)?.session_id),
});

export const conversationQuery = (id: string) =>
  queryOptions({
    queryKey: keys.conversation(id),
    queryFn: ({ signal }) => read<Conversation>(`/sessions/${encodeURIComponent(id)}`, signal),
  });

/** Entries from the beginning up to the newest ones, which come with the conversation. */
export const earlierQuery = (id: string, until: number) =>
  queryOptions({
    queryKey: [...keys.conversation(id), "earlier", until],
    queryFn: async ({ signal }) => {
      const found: Entry[] = [];
      for (let after = 0; after < until - 1; ) {
        const page = await read<Entry[]>(`/sessions/${encodeURIComponent(id)}/entries?after=${after}&limit=200`, signal);
        const last = page.at(-1);
        if (!last) break;
        found.push(...page.filter((one) => one.sequence < until));
        after = last.sequence;
      }
      return found;
    },
    staleTime: Infinity,
  });
