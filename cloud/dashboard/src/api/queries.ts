import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";

import { read } from "@/api/client";
import type { Floor, Me, Piece, RegistryProblem, WorkOrder, WorkOrderPage } from "@/api/schema";
import { keepResults } from "@/live/floor_patch";

export const keys = {
  me: ["me"] as const,
  floor: ["floor"] as const,
  workOrders: ["work-orders"] as const,
  workOrder: (id: string) => ["work-order", id] as const,
  piece: (id: string) => ["piece", id] as const,
  pieces: ["piece"] as const,
  registryProblems: ["registry-problems"] as const,
};

export const meQuery = queryOptions({
  queryKey: keys.me,
  queryFn: ({ signal }) => read<Me>("/me", signal),
  staleTime: Infinity,
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

interface RegistryProblems {
  problems?: RegistryProblem[];
  items?: RegistryProblem[];
}

export const registryProblemsQuery = queryOptions({
  queryKey: keys.registryProblems,
  queryFn: async ({ signal }) => {
    const answer = await read<RegistryProblem[] | RegistryProblems>("/registry/problems", signal);
    return Array.isArray(answer) ? answer : (answer.problems ?? answer.items ?? []);
  },
  refetchInterval: 15_000,
});
