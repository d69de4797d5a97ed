-- Row-level security and grants of the new tables, as every table has them.
DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY[
    'invitations', 'passwords', 'password_links', 'provider_accounts', 'slack_accounts',
    'token_families', 'refresh_tokens', 'device_decisions', 'knocks', 'outside_trips',
    'device_codes']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY tenant ON %I USING (organization_id = nullif(current_setting(''kyndof.organization'', true), ''''))',
      name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO kyndof_app', name);
  END LOOP;
  FOREACH name IN ARRAY ARRAY[
    'persons', 'invitations', 'passwords', 'password_links', 'provider_accounts',
    'token_families', 'refresh_tokens', 'device_decisions', 'device_codes']
  LOOP
    EXECUTE format('CREATE POLICY lookup ON %I FOR SELECT TO kyndof_lookup USING (true)', name);
  END LOOP;
END $$;
-- The lookups read what they need and no more: of a password, that there is one.
GRANT SELECT ON organizations, persons, invitations, password_links, provider_accounts,
  token_families, refresh_tokens, device_decisions, device_codes TO kyndof_lookup;
GRANT SELECT (organization_id, user_id) ON passwords TO kyndof_lookup;

DO $$
DECLARE
  routine record;
BEGIN
  FOR routine IN
    SELECT p.oid::regprocedure AS signature FROM pg_proc p
    WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
      AND p.proowner <> 'kyndof_lookup'::regrole
  LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', routine.signature);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO kyndof_app', routine.signature);
    EXECUTE format('ALTER FUNCTION %s OWNER TO kyndof_lookup', routine.signature);
  END LOOP;
END $$;
REVOKE CREATE ON SCHEMA public FROM kyndof_lookup;
