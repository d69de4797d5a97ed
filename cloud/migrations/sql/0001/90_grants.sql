-- Row-level security, one rule for every table that belongs to an organization.
DO $$
DECLARE
  name text;
BEGIN
  FOR name IN
    SELECT c.relname FROM pg_class c
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organization_id' AND NOT a.attisdropped
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
      AND NOT c.relispartition AND c.relname <> 'organizations'
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY tenant ON %I USING (organization_id = nullif(current_setting(''kyndof.organization'', true), ''''))',
      name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO kyndof_app', name);
  END LOOP;
END $$;
GRANT SELECT, INSERT ON organizations TO kyndof_app;
-- Readiness compares the revision with the program's.
GRANT SELECT ON alembic_version TO kyndof_app;

-- The lookup functions: owned by kyndof_lookup, which may read these tables and no others.
DO $$
DECLARE
  routine record;
  name text;
BEGIN
  FOR routine IN
    SELECT p.oid::regprocedure AS signature FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
  LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', routine.signature);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO kyndof_app', routine.signature);
    EXECUTE format('ALTER FUNCTION %s OWNER TO kyndof_lookup', routine.signature);
  END LOOP;
  FOREACH name IN ARRAY ARRAY['login_links', 'web_sessions', 'api_keys', 'join_tokens',
                              'station_certificates', 'organization_heads', 'subscriber_cursors']
  LOOP
    IF to_regclass(name) IS NOT NULL THEN
      EXECUTE format('GRANT SELECT ON %I TO kyndof_lookup', name);
      EXECUTE format('CREATE POLICY lookup ON %I FOR SELECT TO kyndof_lookup USING (true)', name);
    END IF;
  END LOOP;
END $$;
