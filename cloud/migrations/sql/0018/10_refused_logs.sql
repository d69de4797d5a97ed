-- Why the answer to a question was not taken; empty where it was, or where none has come yet.
ALTER TABLE station_logs ADD COLUMN refusal text NOT NULL DEFAULT '' CHECK (length(refusal) <= 100);
