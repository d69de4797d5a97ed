-- Row-level security for the new tables, and the two look-ups of role kyndof_lookup.
GRANT CREATE ON SCHEMA public TO kyndof_lookup;
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['webhook_endpoints', 'webhook_secrets', 'webhook_messages',
                              'webhook_subscriptions', 'webhook_deliveries', 'webhook_attempts']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY tenant ON %I USING (organization_id = nullif(current_setting(''kyndof.organization'', true), ''''))',
      name);
  END LOOP;
  FOREACH name IN ARRAY ARRAY['lookup_webhook_endpoint(text)', 'lookup_due_webhooks(timestamptz)']
  LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', name);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO kyndof_app', name);
    EXECUTE format('ALTER FUNCTION %s OWNER TO kyndof_lookup', name);
  END LOOP;
  FOREACH name IN ARRAY ARRAY['webhook_endpoints', 'webhook_deliveries']
  LOOP
    EXECUTE format('GRANT SELECT ON %I TO kyndof_lookup', name);
    EXECUTE format('CREATE POLICY lookup ON %I FOR SELECT TO kyndof_lookup USING (true)', name);
  END LOOP;
END $$;
GRANT SELECT, INSERT, UPDATE ON webhook_endpoints, webhook_secrets, webhook_subscriptions,
  webhook_deliveries TO kyndof_app;
GRANT DELETE ON webhook_secrets, webhook_deliveries TO kyndof_app;
GRANT SELECT, INSERT, DELETE ON webhook_messages, webhook_attempts TO kyndof_app;
REVOKE CREATE ON SCHEMA public FROM kyndof_lookup;
