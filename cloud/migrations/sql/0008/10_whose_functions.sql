-- Finding belongs to kyndof_lookup; keeping the months needs the owner of the tables.
ALTER FUNCTION keep_months(text, integer, integer) OWNER TO kyndof_owner;
REVOKE ALL ON FUNCTION keep_months(text, integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION keep_months(text, integer, integer) TO kyndof_app;
