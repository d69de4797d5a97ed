DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['events', 'audit_log', 'executions', 'audit_seals']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY tenant ON %I USING (organization_id = nullif(current_setting(''kyndof.organization'', true), ''''))',
      name);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO kyndof_app', name);
  END LOOP;
  FOREACH name IN ARRAY ARRAY['events', 'audit_log', 'executions', 'audit_seals',
                              'organization_heads', 'idempotency_keys']
  LOOP
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
  END LOOP;
END $$;
ALTER TABLE events_other ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_log_other ENABLE ROW LEVEL SECURITY;
ALTER TABLE executions_other ENABLE ROW LEVEL SECURITY;

-- keep_months looks at every organization before it drops a month.
CREATE POLICY keeper ON audit_seals FOR SELECT TO kyndof_owner USING (true);
CREATE POLICY keeper ON subscriber_cursors FOR SELECT TO kyndof_owner USING (true);
