import type { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from "@tanstack/react-router";

import { ApiError } from "@/api/client";
import { meQuery } from "@/api/queries";
import { Layout } from "@/app/Layout";
import { Loading } from "@/app/Loading";
import { Trouble } from "@/app/Trouble";
import { Lost } from "@/app/Lost";
import { FloorPage } from "@/features/floor/FloorPage";
import { SignInPage } from "@/features/sign_in/SignInPage";

const root = createRootRouteWithContext<{ client: QueryClient }>()({
  component: Outlet,
  notFoundComponent: Lost,
});

const login = createRoute({ getParentRoute: () => root, path: "/login", component: SignInPage });

const inside = createRoute({
  getParentRoute: () => root,
  id: "inside",
  component: Layout,
  beforeLoad: async ({ context }) => {
    try {
      await context.client.query({ ...meQuery, staleTime: "static" });
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) throw redirect({ to: "/login" });
      throw error;
    }
  },
  pendingComponent: Loading,
  errorComponent: Trouble,
});

const floor = createRoute({ getParentRoute: () => inside, path: "/", component: FloorPage });
const workOrders = createRoute({
  getParentRoute: () => inside,
  path: "/work-orders",
  component: lazyRouteComponent(() => import("@/features/work_orders/WorkOrdersPage"), "WorkOrdersPage"),
});
const newWorkOrder = createRoute({
  getParentRoute: () => inside,
  path: "/work-orders/new",
  component: lazyRouteComponent(() => import("@/features/work_orders/NewWorkOrderPage"), "NewWorkOrderPage"),
});
const workOrder = createRoute({
  getParentRoute: () => inside,
  path: "/work-orders/$workOrderId",
  component: lazyRouteComponent(() => import("@/features/work_orders/WorkOrderPage"), "WorkOrderPage"),
});
const disputes = createRoute({
  getParentRoute: () => inside,
  path: "/disputes",
  component: lazyRouteComponent(() => import("@/features/disputes/DisputesPage"), "DisputesPage"),
});
const approvals = createRoute({
  getParentRoute: () => inside,
  path: "/approvals",
  component: lazyRouteComponent(() => import("@/features/approvals/ApprovalsPage"), "ApprovalsPage"),
});
const piece = createRoute({
  getParentRoute: () => inside,
  path: "/pieces/$pieceId",
  validateSearch: (search: Record<string, unknown>): { inspection?: string } =>
    typeof search.inspection === "string" ? { inspection: search.inspection } : {},
  component: lazyRouteComponent(() => import("@/features/pieces/PiecePage"), "PiecePage"),
});

export function buildRouter(client: QueryClient) {
  return createRouter({
    routeTree: root.addChildren([login, inside.addChildren([floor, workOrders, newWorkOrder, workOrder, piece, disputes, approvals])]),
    context: { client },
    defaultPreload: false,
    scrollRestoration: true,
  });
}
