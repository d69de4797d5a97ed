-- Add the partition of one month, and bring home the rows that found none.
CREATE FUNCTION add_month(parent text, month date) RETURNS void
  LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  child text := parent || to_char(month, '_YYYY_MM');
  begins timestamptz := month::timestamp AT TIME ZONE 'UTC';
  ends timestamptz := (month + interval '1 month') AT TIME ZONE 'UTC';
BEGIN
  -- Held only to move and to attach. Whoever writes goes on: months are added ahead of time.
  EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', parent || '_other');
  EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', child, parent);
  EXECUTE format(
    'WITH moved AS (DELETE FROM %I WHERE recorded_at >= %L AND recorded_at < %L RETURNING *)
     INSERT INTO %I SELECT * FROM moved', parent || '_other', begins, ends, child);
  EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                 parent, child, begins, ends);
  IF parent <> 'executions' THEN
    EXECUTE format('CREATE UNIQUE INDEX %I ON %I (organization_id, sequence)',
                   child || '_numbers', child);
  END IF;
  -- Nobody is granted anything on a partition; this is the second lock on the same door.
  EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', child);
END $$;

-- Why the rows of one month may not be dropped yet; empty when they may.
CREATE FUNCTION month_is_needed(parent text, child text) RETURNS text
  LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
  needed boolean := false;
BEGIN
  IF parent = 'audit_log' THEN
    EXECUTE format(
      'SELECT EXISTS (SELECT FROM %I r WHERE NOT EXISTS (SELECT FROM audit_seals s
         WHERE s.organization_id = r.organization_id AND s.through_sequence >= r.sequence))', child)
      INTO needed;
    RETURN CASE WHEN needed THEN 'kept: rows are not sealed' ELSE '' END;
  ELSIF parent = 'events' THEN
    EXECUTE format(
      'SELECT EXISTS (SELECT FROM (SELECT organization_id, max(sequence) AS last FROM %I GROUP BY 1) r
         JOIN subscriber_cursors c USING (organization_id) WHERE c.sequence < r.last)', child)
      INTO needed;
    RETURN CASE WHEN needed THEN 'kept: a subscriber has not heard them' ELSE '' END;
  END IF;
  RETURN '';
END $$;

-- Add months ahead and drop those past their time. The application may run this and nothing
-- else of the kind: the floor of each table is written here, out of its reach.
CREATE FUNCTION keep_months(parent text, keep_count integer, ahead_count integer)
  RETURNS TABLE (partition_name text, outcome text)
  LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET lock_timeout = '3s' AS $$
DECLARE
  floor_count integer :=
    CASE parent WHEN 'executions' THEN 2 WHEN 'events' THEN 3 WHEN 'audit_log' THEN 12 END;
  this_month date := date_trunc('month', now() AT TIME ZONE 'UTC');
  month date;
BEGIN
  IF floor_count IS NULL OR keep_count < floor_count OR ahead_count NOT BETWEEN 1 AND 24 THEN
    RAISE EXCEPTION 'no such policy: % keeps at least % months and adds 1 to 24 ahead',
      parent, floor_count USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM pg_advisory_xact_lock(720003);
  FOR month IN EXECUTE format(
    'SELECT s::date FROM generate_series($1::timestamp, $1::timestamp + $2 * interval ''1 month'',
                                         interval ''1 month'') s
     UNION SELECT date_trunc(''month'', recorded_at AT TIME ZONE ''UTC'')::date FROM %I ORDER BY 1',
    parent || '_other') USING this_month, ahead_count
  LOOP
    partition_name := parent || to_char(month, '_YYYY_MM');
    IF to_regclass(partition_name) IS NULL THEN
      PERFORM add_month(parent, month);
      outcome := 'added';
      RETURN NEXT;
    END IF;
  END LOOP;
  FOR partition_name IN
    SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = parent::regclass AND c.relname ~ '_[0-9]{4}_[0-9]{2}$'
      AND c.relname < parent || to_char(this_month - keep_count * interval '1 month', '_YYYY_MM')
    ORDER BY 1
  LOOP
    outcome := month_is_needed(parent, partition_name);
    IF outcome = '' THEN
      EXECUTE format('ALTER TABLE %I DETACH PARTITION %I', parent, partition_name);
      EXECUTE format('DROP TABLE %I', partition_name);
      outcome := 'dropped';
    END IF;
    RETURN NEXT;
  END LOOP;
END $$;

REVOKE ALL ON FUNCTION add_month, month_is_needed, keep_months FROM PUBLIC;
GRANT EXECUTE ON FUNCTION keep_months TO kyndof_app;
