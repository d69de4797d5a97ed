REVOKE CREATE ON SCHEMA public FROM kyndof_lookup;
