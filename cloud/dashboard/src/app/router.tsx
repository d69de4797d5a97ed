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
import { remember } from "@/app/destination";
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
const openId = createRoute({
  getParentRoute: () => root,
  path: "/login/openid",
  component: lazyRouteComponent(() => import("@/features/sign_in/OpenIdReturnPage"), "OpenIdReturnPage"),
});
const password = createRoute({
  getParentRoute: () => root,
  path: "/password",
  component: lazyRouteComponent(() => import("@/features/sign_in/TokenPages"), "SetPasswordPage"),
});
const invitation = createRoute({
  getParentRoute: () => root,
  path: "/invitation",
  component: lazyRouteComponent(() => import("@/features/sign_in/TokenPages"), "InvitationPage"),
});

const inside = createRoute({
  getParentRoute: () => root,
  id: "inside",
  component: Layout,
  beforeLoad: async ({ context, location }) => {
    try {
      await context.client.query({ ...meQuery, staleTime: "static" });
    } catch (error) {
      if (error instanceof ApiError && error.status === 401) {
        remember(location.href);
        throw redirect({ to: "/login" });
      }
      throw error;
    }
  },
  pendingComponent: Loading,
  errorComponent: Trouble,
});

const floor = createRoute({ getParentRoute: () => inside, path: "/", component: FloorPage });
const configuration = createRoute({
  getParentRoute: () => inside,
  path: "/stations/$stationId/configuration",
  component: lazyRouteComponent(() => import("@/features/stations/ConfigurationPage"), "ConfigurationPage"),
});
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
const account = createRoute({
  getParentRoute: () => inside,
  path: "/account",
  component: lazyRouteComponent(() => import("@/features/account/AccountPage"), "AccountPage"),
});
const slackReturn = createRoute({
  getParentRoute: () => inside,
  path: "/account/slack",
  component: lazyRouteComponent(() => import("@/features/account/SlackReturnPage"), "SlackReturnPage"),
});
const device = createRoute({
  getParentRoute: () => inside,
  path: "/device",
  component: lazyRouteComponent(() => import("@/features/account/DevicePage"), "DevicePage"),
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
const jobs = createRoute({
  getParentRoute: () => inside,
  path: "/jobs",
  component: lazyRouteComponent(() => import("@/features/jobs/JobsPage"), "JobsPage"),
});
const learned = createRoute({
  getParentRoute: () => inside,
  path: "/learned",
  component: lazyRouteComponent(() => import("@/features/learned/LearnedPage"), "LearnedPage"),
});
const wishes = createRoute({
  getParentRoute: () => inside,
  path: "/account/notifications",
  component: lazyRouteComponent(() => import("@/features/notifications/WishesPage"), "WishesPage"),
});
const webhooks = createRoute({
  getParentRoute: () => inside,
  path: "/webhooks",
  component: lazyRouteComponent(() => import("@/features/webhooks/WebhooksPage"), "WebhooksPage"),
});
const conversations = createRoute({
  getParentRoute: () => inside,
  path: "/conversations",
  validateSearch: (search: Record<string, unknown>): { open?: string } =>
    typeof search.open === "string" ? { open: search.open } : {},
  component: lazyRouteComponent(() => import("@/features/conversations/ConversationsPage"), "ConversationsPage"),
});
const rollouts = createRoute({
  getParentRoute: () => inside,
  path: "/rollouts",
  component: lazyRouteComponent(() => import("@/features/rollouts/RolloutsPage"), "RolloutsPage"),
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
    routeTree: root.addChildren([login, openId, password, invitation, inside.addChildren([account, slackReturn, device, floor, configuration, workOrders, newWorkOrder, workOrder, piece, disputes, approvals, jobs, learned, wishes, webhooks, rollouts, conversations])]),
    context: { client },
    defaultPreload: false,
    scrollRestoration: true,
  });
}
