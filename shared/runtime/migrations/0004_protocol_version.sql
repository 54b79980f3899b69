-- Every protocol file that this service has worked with, by its version; kept for ever.
CREATE TABLE protocol_version (
    trial    text NOT NULL,
    version  text NOT NULL,
    sha256   text NOT NULL,                  -- of the file when it was first seen
    begins   timestamptz,                    -- from when it is in force; null: from the beginning
    seen_at  timestamptz NOT NULL,
    PRIMARY KEY (trial, version)
);

DO $$
BEGIN
    EXECUTE format('GRANT SELECT, INSERT ON protocol_version TO %I',
                   'trialops_' || current_schema());
END $$;
