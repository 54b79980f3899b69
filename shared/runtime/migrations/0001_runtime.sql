-- What the runtime remembers in each service's own schema.

-- The last ce_sequence drawn for each (topic, key) that this service writes.
CREATE TABLE sequence (
    topic text NOT NULL,
    key   text NOT NULL,
    last  bigint NOT NULL,
    PRIMARY KEY (topic, key)
) WITH (fillfactor = 70);

-- Events that are committed and not yet acknowledged by the broker; a sent row is deleted.
CREATE TABLE outbox (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic    text   NOT NULL,
    key      text   NOT NULL,
    sequence bigint NOT NULL,
    headers  text   NOT NULL, -- JSON object, without ce_sequence
    value    bytea  NOT NULL
);

-- The one relay that may empty the outbox, until when; the epoch counts the take-overs.
CREATE TABLE relay_lease (
    single  boolean PRIMARY KEY DEFAULT true CHECK (single),
    owner   uuid NOT NULL,
    backend integer NOT NULL,                -- its connection: a dead one frees the lease at once
    epoch   bigint NOT NULL DEFAULT 1,
    until   timestamptz NOT NULL
);

-- What has been seen of each (topic, key): everything up to `sequence`, the last one by its id.
CREATE TABLE watermark (
    topic    text   NOT NULL,
    key      text   NOT NULL,
    sequence bigint NOT NULL,
    ce_id    uuid,                           -- of the record at `sequence`
    parked   uuid,                           -- of the dead letter at `sequence` + 1
    above    boolean NOT NULL DEFAULT false, -- there are rows in above_watermark
    PRIMARY KEY (topic, key)
) WITH (fillfactor = 70);

-- Records above a gap or behind a dead letter: they wait here, or, where the consumer never waits,
-- were taken already and leave `value` and `headers` out.
CREATE TABLE above_watermark (
    topic       text   NOT NULL,
    key         text   NOT NULL,
    sequence    bigint NOT NULL,
    ce_id       uuid   NOT NULL,
    "partition" integer NOT NULL,
    "offset"    bigint NOT NULL,
    headers     text,                        -- JSON array of [name, base64 of the value | null]
    value       bytea,
    PRIMARY KEY (topic, key, sequence)
);

CREATE TABLE dead_letter (
    id           uuid PRIMARY KEY,
    topic        text NOT NULL,
    "partition"  integer NOT NULL,
    "offset"     bigint NOT NULL,
    key          text,
    sequence     bigint,
    ce_id        uuid,
    blocks       boolean NOT NULL,           -- later records of its key wait behind it
    reason       text NOT NULL,
    headers      text NOT NULL,              -- JSON array of [name, base64 of the value | null]
    record_key   bytea,                      -- as it came
    value        bytea,                      -- as it came
    state        text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'replayed', 'dropped')),
    UNIQUE (topic, "partition", "offset")
);
CREATE INDEX dead_letter_open ON dead_letter (id) WHERE state = 'open';

-- The first answer to each Idempotency-Key, for the life of the trial.
CREATE TABLE idempotency (
    person text NOT NULL,
    method text NOT NULL,
    path   text NOT NULL,
    key    text NOT NULL,
    line   integer NOT NULL DEFAULT 0,       -- of a batch, from 1
    body   bytea NOT NULL,                   -- SHA-256 of the body or the line
    status smallint,
    answer bytea,
    PRIMARY KEY (person, method, path, key, line)
);

DO $$
DECLARE
    service text := 'trialops_' || current_schema();
BEGIN
    EXECUTE format('GRANT SELECT, INSERT, UPDATE ON sequence, watermark, relay_lease, dead_letter'
                   ' TO %I', service);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON outbox, above_watermark,'
                   ' idempotency TO %I', service);
END $$;
