DO $$
DECLARE
  name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['approval_changes', 'approval_advice', 'work_assignments', 'timers']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY tenant ON %I USING (organization_id = nullif(current_setting(''kyndof.organization'', true), ''''))',
      name);
  END LOOP;
END $$;
GRANT SELECT, INSERT ON approval_changes TO kyndof_app;
GRANT SELECT, INSERT, UPDATE ON approval_advice, work_assignments TO kyndof_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON timers TO kyndof_app;
REVOKE DELETE ON approvals, absences, delegations FROM kyndof_app;

REVOKE ALL ON FUNCTION due_timers(timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION due_timers(timestamptz, integer) TO kyndof_app;
ALTER FUNCTION due_timers(timestamptz, integer) OWNER TO kyndof_lookup;
GRANT SELECT ON timers TO kyndof_lookup;
CREATE POLICY lookup ON timers FOR SELECT TO kyndof_lookup USING (true);
REVOKE CREATE ON SCHEMA public FROM kyndof_lookup;
