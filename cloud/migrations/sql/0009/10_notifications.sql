-- What persons are told. It shows from `told_at` on: quiet hours and digests put that off.
CREATE TABLE notifications (
  organization_id text NOT NULL REFERENCES organizations,
  notification_id text NOT NULL CHECK (kyndof_id('ntf', notification_id)),
  event_id text NOT NULL,
  login text NOT NULL,
  kind text NOT NULL CHECK (kind ~ '^[a-z][a-z0-9_]*$'),
  letter text NOT NULL CHECK (letter IN ('R', 'A', 'B', 'S', 'I', 'C', '')),
  subject text NOT NULL,
  details jsonb NOT NULL,
  repeats integer NOT NULL DEFAULT 0,
  occurred_at timestamptz NOT NULL,
  told_at timestamptz NOT NULL,
  digest text NOT NULL,
  read_at timestamptz,
  PRIMARY KEY (organization_id, notification_id),
  UNIQUE (organization_id, login, event_id)
);
CREATE INDEX notifications_by_person ON notifications (organization_id, login, told_at DESC);
CREATE INDEX notifications_unread ON notifications (organization_id, login) WHERE read_at IS NULL;
CREATE INDEX notifications_alike
  ON notifications (organization_id, login, kind, subject, occurred_at DESC);

CREATE TABLE notification_wishes (
  organization_id text NOT NULL REFERENCES organizations,
  login text NOT NULL,
  channels text[] NOT NULL CHECK ('in_app' = ANY (channels)),
  muted_letters text[] NOT NULL,
  quiet_from text NOT NULL,
  quiet_until text NOT NULL,
  time_zone text NOT NULL,
  digest_min integer NOT NULL CHECK (digest_min BETWEEN 0 AND 1440),
  changed_at timestamptz NOT NULL,
  PRIMARY KEY (organization_id, login)
);

ALTER TABLE notifications ENABLE ROW LEVEL SECURITY;
ALTER TABLE notifications FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON notifications
  USING (organization_id = nullif(current_setting('kyndof.organization', true), ''));
GRANT SELECT, INSERT, UPDATE, DELETE ON notifications TO kyndof_app;

ALTER TABLE notification_wishes ENABLE ROW LEVEL SECURITY;
ALTER TABLE notification_wishes FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON notification_wishes
  USING (organization_id = nullif(current_setting('kyndof.organization', true), ''));
GRANT SELECT, INSERT, UPDATE ON notification_wishes TO kyndof_app;
