-- Executions, events and the audit chain lie in one partition per month. `recorded_at` is given
-- under the lock of organization_heads and never goes back, whatever a clock does: the numbers of
-- a month end before those of the next begin, and a number says from which month on to look.
ALTER TABLE organization_heads ADD COLUMN recorded_at timestamptz NOT NULL DEFAULT '-infinity';
-- Where each subscriber's last event lies; unknown until it has heard the next one.
ALTER TABLE subscriber_cursors ADD COLUMN recorded_at timestamptz;

-- The owner copies what is there; 19_close.sql makes the rules hold for the owner again.
ALTER TABLE organization_heads NO FORCE ROW LEVEL SECURITY;
ALTER TABLE events NO FORCE ROW LEVEL SECURITY;
ALTER TABLE audit_log NO FORCE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys NO FORCE ROW LEVEL SECURITY;

ALTER TABLE events RENAME TO events_before;
ALTER INDEX events_pkey RENAME TO events_before_pkey;
CREATE TABLE events (
  organization_id text NOT NULL,
  sequence bigint NOT NULL CHECK (sequence > 0),
  event_id text NOT NULL CHECK (kyndof_id('evt', event_id)),
  type text NOT NULL CHECK (type ~ '^[a-z][a-z0-9_]*$'),
  occurred_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL,
  payload jsonb NOT NULL,
  trace_id text NOT NULL DEFAULT '',
  PRIMARY KEY (organization_id, event_id, recorded_at)
) PARTITION BY RANGE (recorded_at);

ALTER TABLE audit_log RENAME TO audit_log_before;
ALTER INDEX audit_log_pkey RENAME TO audit_log_before_pkey;
ALTER INDEX audit_log_by_resource RENAME TO audit_log_before_by_resource;
CREATE TABLE audit_log (
  organization_id text NOT NULL,
  sequence bigint NOT NULL CHECK (sequence > 0),
  at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL,
  user_login text NOT NULL,
  source text NOT NULL,
  action text NOT NULL,
  resource text NOT NULL,
  outcome text NOT NULL,
  trace_id text NOT NULL,
  metadata json NOT NULL,
  hash bytea NOT NULL CHECK (length(hash) = 32),
  PRIMARY KEY (organization_id, recorded_at, sequence)
) PARTITION BY RANGE (recorded_at);
CREATE INDEX audit_log_by_resource ON audit_log (organization_id, resource, sequence);

-- What was answered to each command that came with a key. The key itself stays in
-- idempotency_keys, the one table over all months that makes it unique.
CREATE TABLE executions (
  organization_id text NOT NULL,
  user_login text NOT NULL,
  key text NOT NULL,
  recorded_at timestamptz NOT NULL,
  source text NOT NULL,
  trace_id text NOT NULL,
  result jsonb NOT NULL,
  PRIMARY KEY (organization_id, user_login, key, recorded_at)
) PARTITION BY RANGE (recorded_at);
CREATE INDEX executions_by_time ON executions (organization_id, recorded_at DESC);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (organization_id, created_at);

-- Where a row lies whose month has no partition yet: nothing is ever refused for that.
CREATE TABLE events_other PARTITION OF events DEFAULT;
CREATE TABLE audit_log_other PARTITION OF audit_log DEFAULT;
CREATE TABLE executions_other PARTITION OF executions DEFAULT;
CREATE UNIQUE INDEX events_other_numbers ON events_other (organization_id, sequence);
CREATE UNIQUE INDEX audit_log_other_numbers ON audit_log_other (organization_id, sequence);

-- The end of the audit rows that were dropped by policy: the chain goes on from here. A seal is
-- an act, so the chain after it names it.
CREATE TABLE audit_seals (
  organization_id text NOT NULL REFERENCES organizations,
  through_sequence bigint NOT NULL CHECK (through_sequence > 0),
  through_hash bytea NOT NULL CHECK (length(through_hash) = 32),
  sealed_at timestamptz NOT NULL,
  PRIMARY KEY (organization_id, through_sequence)
);
