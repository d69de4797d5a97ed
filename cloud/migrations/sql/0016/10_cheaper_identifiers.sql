-- The same identifiers as before. Counting 26 letters in the pattern made the check of each event of
-- a station dearer than writing it down.
CREATE OR REPLACE FUNCTION kyndof_id(prefix text, value text) RETURNS boolean
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN octet_length(value) = octet_length(prefix) + 27
    AND (value COLLATE "C") ~ ('^' || prefix || '_[0-9A-HJKMNP-TV-Z]*$');
