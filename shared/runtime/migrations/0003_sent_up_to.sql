-- How far each partition of the service's own topics holds only records whose sequences this
-- database has drawn: what a restored, older database would not know lies from there on.
CREATE TABLE sent_up_to (
    topic       text NOT NULL,
    "partition" integer NOT NULL,
    "offset"    bigint NOT NULL,             -- the one after the highest acknowledged
    PRIMARY KEY (topic, "partition")
) WITH (fillfactor = 70);

DO $$
BEGIN
    EXECUTE format('GRANT SELECT, INSERT, UPDATE ON sent_up_to TO %I',
                   'trialops_' || current_schema());
END $$;
