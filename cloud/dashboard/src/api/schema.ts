// Names of the cloud's answers for the pages; the types themselves are made from its OpenAPI.

import type { components } from "@/api/cloud";

type Schemas = components["schemas"];

/** An answer: the cloud writes every field of it, also those that a request may leave out. */
type Answer<T> = T extends readonly (infer Item)[]
  ? Answer<Item>[]
  : T extends object
    ? { [Key in keyof T]-?: Answer<Exclude<T[Key], undefined>> }
    : T;

export type Verdict = Schemas["CorrectionRequest"]["verdict"];

export type Notification = Answer<Schemas["NotificationView"]>;
export type Digest = Omit<Answer<Schemas["DigestView"]>, "newest"> & { newest: Notification[] };
export type NotificationPage = Omit<Answer<Schemas["NotificationPage"]>, "notifications" | "digests"> & { notifications: Notification[]; digests: Digest[] };
export type MarkedRead = Answer<Schemas["MarkedRead"]>;

export type Wishes = Answer<Schemas["WishesView"]>;
export type WishesChange = Schemas["ChangeNotificationWishes"];

export type Explanation = Answer<Schemas["Explanation"]>;
export type Job = Answer<Schemas["JobView"]>;
export type TaughtBank = Answer<Schemas["TaughtBankView"]>;
export type NamedKind = Answer<Schemas["NamedKindView"]>;
export type Calibration = Answer<Schemas["CalibrationView"]>;
export type JobQueue = Answer<Schemas["JobQueueView"]>;
export type WebhookSubscription = Answer<Schemas["SubscriptionView"]>;
export type WebhookEndpoint = Answer<Schemas["EndpointView"]>;
export type WebhookDelivery = Answer<Schemas["DeliveryView"]>;
export type IssuedWebhookSecret = Answer<Schemas["IssuedWebhookSecret"]>;
export type ModelBundle = Answer<Schemas["ModelBundleView"]>;
export type Rollout = Answer<Schemas["RolloutView"]>;
export type RolloutStation = Answer<Schemas["RolloutStationView"]>;
export type RolloutDefaults = Answer<Schemas["RolloutDefaultsView"]>;
export type Station = Answer<Schemas["StationView"]>;
export type ConversationLine = Answer<Schemas["cloud__sessions__queries__SessionView"]>;
export type Conversation = Answer<Schemas["RestoredSession"]>;
export type Entry = Answer<Schemas["EntryView"]>;

export type Person = Answer<Schemas["PersonView"]>;
export type Me = Answer<Schemas["Me"]>;
export type MyAccess = Answer<Schemas["MyAccess"]>;
export type Organization = Answer<Schemas["OrganizationView"]>;
export type SignInMethods = Answer<Schemas["SignInMethods"]>;
export type Invitation = Answer<Schemas["InvitationDescription"]>;
export type Device = Answer<Schemas["DeviceView"]>;
export type IssuedKey = Answer<Schemas["IssuedApiKey"]>;

export type Snapshot = Answer<Schemas["SnapshotView"]>;
export type CurrentPiece = Answer<Schemas["CurrentPiece"]>;
export type FloorCounts = Answer<Schemas["FloorCounts"]>;
export type FloorStation = Answer<Schemas["FloorStation"]> & {
  // Kept by this page from events; the cloud does not send it.
  last_result?: StationResult;
};
export type Floor = Omit<Answer<Schemas["FloorView"]>, "stations"> & { stations: FloorStation[] };

export type StationConfiguration = Answer<Schemas["StationConfigurationView"]>;
export type StationLogs = Answer<Schemas["StationLogsView"]>;
export type ConfigurationField = Answer<Schemas["ConfigurationFieldView"]>;

export interface StationResult {
  verdict: string;
  piece_id: string;
  piece_number: number;
  work_order_number: string;
  stage: string;
  at: string;
}

export type WorkOrderSummary = Answer<Schemas["WorkOrderSummary"]>;
export type WorkOrderPage = Answer<Schemas["WorkOrderPage"]>;
export type Step = Answer<Schemas["Step"]>;
export type Cell = Answer<Schemas["CellView"]>;
export type PieceLine = Answer<Schemas["PieceLine"]>;
export type StageStandard = Answer<Schemas["StageStandard"]>;
export type PointOfMeasure = Answer<Schemas["PointOfMeasure"]>;
export type StitchStandard = Answer<Schemas["StitchStandard"]>;
export type Severity = NonNullable<PointOfMeasure["severity"]>;
export type Gap = Answer<Schemas["Gap"]>;
export type Spec = Answer<Schemas["SpecView"]>;
export type WorkOrder = Answer<Schemas["WorkOrderView"]>;

export type Point = Answer<Schemas["Point"]>;
export type Finding = Answer<Schemas["Finding"]>;
export type Measurement = Answer<Schemas["Measurement"]>;
export type StitchReading = Answer<Schemas["StitchReading"]>;
export type InspectionCorrection = Answer<Schemas["CorrectionView"]>;
export type Inspection = Answer<Schemas["InspectionView"]>;
export type HistoryLine = Answer<Schemas["HistoryLine"]>;
export type Rework = Answer<Schemas["ReworkView"]>;
export type Piece = Answer<Schemas["PieceView"]>;
export type ApprovalLine = Answer<Schemas["ApprovalView"]>;
export type ApprovalField = Answer<Schemas["FieldView"]>;
export type Approval = Answer<Schemas["ApprovalDetail"]>;
export type Dispute = Answer<Schemas["DisputeView"]>;
export type RegistryProblem = Answer<Schemas["RegistryProblem"]>;

// What is sent, and what comes back.
export type SpecChange = Schemas["SpecChange"];
export type DesignRequest = Schemas["DesignRequest"];
export type DesignCorrection = Answer<Schemas["DesignCorrection"]>;
export type ReworkRequest = Schemas["ReworkRequest"];
export type DecisionRequest = Schemas["DecisionRequest"];
export type OverrideRequest = Schemas["OverrideRequest"];
export type DecisionOutcome = Answer<Schemas["DecisionOutcome"]>;
export type CorrectionRequest = Schemas["CorrectionRequest"];
export type ResolutionRequest = Schemas["ResolutionRequest"];
export type WorkOrderDraft = Schemas["CreateWorkOrder"];
export type WorkOrderCreation = Answer<Schemas["WorkOrderCreation"]>;

// The WebSocket is not part of OpenAPI.
export interface LiveEvent {
  sequence: number;
  event_id: string;
  type: string;
  occurred_at: string;
  payload: Record<string, unknown>;
}
