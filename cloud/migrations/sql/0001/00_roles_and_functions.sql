-- The application may use the schema and create nothing in it.
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO kyndof_app, kyndof_lookup;
-- Needed while the lookup functions are handed over; 99_close.sql takes it back.
GRANT CREATE ON SCHEMA public TO kyndof_lookup;

-- True when `value` is `prefix_` followed by a ULID.
CREATE FUNCTION kyndof_id(prefix text, value text) RETURNS boolean
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN value ~ ('^' || prefix || '_[0-9A-HJKMNP-TV-Z]{26}$');

-- The organization of this transaction; null outside one, and then no row is visible.
CREATE FUNCTION kyndof_organization() RETURNS text
  LANGUAGE sql STABLE PARALLEL SAFE
  RETURN nullif(current_setting('kyndof.organization', true), '');
