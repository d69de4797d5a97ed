-- Commands that wait for their Accountable.
CREATE TABLE approvals (
  organization_id text NOT NULL REFERENCES organizations,
  approval_id text NOT NULL CHECK (kyndof_id('apr', approval_id)),
  action text NOT NULL,
  domain text NOT NULL,
  payload jsonb NOT NULL,
  payload_hash text NOT NULL,
  spec_version text,
  requester text NOT NULL,
  requester_source text NOT NULL,
  requester_session text,
  policy_version text NOT NULL,
  reason text NOT NULL,
  state text NOT NULL CHECK (state IN ('pending', 'executed', 'rejected', 'expired', 'failed')),
  requested_at timestamptz NOT NULL,
  due_at timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  decided_by text,
  decided_at timestamptz,
  decision_reason text,
  PRIMARY KEY (organization_id, approval_id)
);
CREATE INDEX approvals_open ON approvals (organization_id, expires_at) WHERE state = 'pending';

-- Leave. An open end is written as 'infinity'.
CREATE TABLE absences (
  organization_id text NOT NULL REFERENCES organizations,
  absence_id text NOT NULL CHECK (kyndof_id('abs', absence_id)),
  login text NOT NULL,
  begins_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL CHECK (ends_at > begins_at),
  reason text NOT NULL,
  PRIMARY KEY (organization_id, absence_id)
);
CREATE INDEX absences_by_login ON absences (organization_id, login, ends_at);

-- Rights lent for a while. No ids: any. No amount: acts with an amount are not covered.
CREATE TABLE delegations (
  organization_id text NOT NULL REFERENCES organizations,
  delegation_id text NOT NULL CHECK (kyndof_id('del', delegation_id)),
  giver text NOT NULL,
  taker text NOT NULL CHECK (taker <> giver),
  actions text[] NOT NULL CHECK (cardinality(actions) > 0),
  ids text[] NOT NULL DEFAULT '{}',
  largest_amount bigint,
  begins_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL CHECK (ends_at > begins_at),
  reason text NOT NULL,
  ended_at timestamptz,
  PRIMARY KEY (organization_id, delegation_id)
);
CREATE INDEX delegations_by_taker ON delegations (organization_id, taker, ends_at);

-- The last version of each registry file that was valid, as this organization used it.
CREATE TABLE registry_files (
  organization_id text NOT NULL REFERENCES organizations,
  path text NOT NULL,
  digest text NOT NULL,
  content text NOT NULL,
  kept_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (organization_id, path)
);
