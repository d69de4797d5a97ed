INSERT INTO events
  (organization_id, sequence, event_id, type, occurred_at, recorded_at, payload, trace_id)
SELECT organization_id, sequence, event_id, type, occurred_at,
       max(occurred_at) OVER (PARTITION BY organization_id ORDER BY sequence), payload, trace_id
FROM events_before;

INSERT INTO audit_log (organization_id, sequence, at, recorded_at, user_login, source, action,
                       resource, outcome, trace_id, metadata, hash)
SELECT organization_id, sequence, at,
       max(at) OVER (PARTITION BY organization_id ORDER BY sequence), user_login, source, action,
       resource, outcome, trace_id, metadata, hash
FROM audit_log_before;

INSERT INTO executions (organization_id, user_login, key, recorded_at, source, trace_id, result)
SELECT organization_id, user_login, key, created_at, '', '', result
FROM idempotency_keys WHERE result IS NOT NULL;
ALTER TABLE idempotency_keys DROP COLUMN result;

UPDATE organization_heads h SET recorded_at = greatest(
  (SELECT max(recorded_at) FROM events e WHERE e.organization_id = h.organization_id),
  (SELECT max(recorded_at) FROM audit_log a WHERE a.organization_id = h.organization_id),
  h.recorded_at);

DROP TABLE events_before, audit_log_before;

-- A thousand months: nothing is dropped by a migration.
SELECT keep_months('executions', 1000, 3), keep_months('events', 1000, 3),
       keep_months('audit_log', 1000, 3);
