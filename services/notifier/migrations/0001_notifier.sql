-- What the notifier remembers. Tries are kept for ever; an alert is never removed.

-- Whom a trial calls now.
CREATE TABLE contact (
    id           text PRIMARY KEY,
    trial        text NOT NULL,
    name         text NOT NULL,
    sub          text,
    role         text NOT NULL,
    sites        text[],                     -- null: of every site
    "order"      integer NOT NULL CHECK ("order" >= 1),
    channels     text NOT NULL,              -- JSON [{kind, target, secret}], secrets closed
    test         uuid,                       -- the batch of the last test
    test_at      timestamptz,
    test_reached boolean,                    -- null while it is under way
    test_answer  text
);
CREATE INDEX contact_trial ON contact (trial, "order", id);

-- The trials that were given contacts once, by a person or from the file at the start.
CREATE TABLE contact_list (
    trial  text PRIMARY KEY,
    set_at timestamptz NOT NULL
);

CREATE TABLE alert (
    id               uuid PRIMARY KEY,
    cause            text NOT NULL,          -- what makes two events one alert
    matter           text,                   -- what must be settled too; null: acknowledging is enough
    trial            text,
    subject          text,
    site             text,
    severity         text NOT NULL CHECK (severity IN ('critical', 'high', 'info')),
    event            text NOT NULL,
    rule             text NOT NULL,
    roles            text[] NOT NULL,
    next_after       interval NOT NULL,
    again_after      interval NOT NULL,
    due              timestamptz,
    raised_at        timestamptz NOT NULL,
    last_event_at    timestamptz NOT NULL,
    repeats          integer NOT NULL CHECK (repeats >= 1),
    state            text NOT NULL CHECK (state IN ('open', 'acknowledged', 'settled')),
    step             integer NOT NULL CHECK (step >= 0),
    rounds           integer NOT NULL CHECK (rounds >= 0),
    called           text[] NOT NULL,        -- contacts of this round, in order
    reached          boolean NOT NULL,       -- one of them took a message
    next_step_at     timestamptz,
    acknowledged_by  text,
    acknowledged_at  timestamptz,
    lapses_at        timestamptz,
    cause_settled_at timestamptz,
    settled_at       timestamptz,
    CHECK ((acknowledged_by IS NULL) = (acknowledged_at IS NULL)),
    CHECK ((state = 'settled') = (settled_at IS NOT NULL)),
    CHECK ((state = 'acknowledged') = (lapses_at IS NOT NULL))
);
CREATE INDEX alert_cause ON alert (cause, id);
CREATE INDEX alert_matter ON alert (matter) WHERE state <> 'settled';
CREATE INDEX alert_open ON alert (trial, id) WHERE state <> 'settled';

-- The events that raised or added to an alert, so that a repeat of one does nothing.
CREATE TABLE heard (
    ce_id    uuid PRIMARY KEY,
    alert    uuid NOT NULL REFERENCES alert,
    topic    text NOT NULL,
    key      text NOT NULL,
    sequence bigint NOT NULL
);
CREATE INDEX heard_alert ON heard (alert);

-- The last event that settled a matter; it may come before the one that raises the alert.
CREATE TABLE settlement (
    matter   text PRIMARY KEY,
    topic    text NOT NULL,
    key      text NOT NULL,
    sequence bigint NOT NULL,
    ce_id    uuid NOT NULL
);

-- One message to one contact by one channel. While it is pending there is a timer of this kind and id.
CREATE TABLE delivery (
    id          uuid PRIMARY KEY,
    number      bigint GENERATED ALWAYS AS IDENTITY,
    batch       uuid NOT NULL,               -- the channels of one call to one contact
    purpose     text NOT NULL CHECK (purpose IN ('call', 'digest', 'test')),
    alerts      uuid[] NOT NULL,
    trial       text,
    contact     text NOT NULL,
    step        integer NOT NULL,
    channel     text NOT NULL,
    nth         integer NOT NULL,            -- among the contact's channels, from 0
    target      text NOT NULL,
    secret      text,                        -- closed
    letter      text NOT NULL,               -- JSON, the same at every try
    written_at  timestamptz NOT NULL,
    state       text NOT NULL CHECK (state IN ('pending', 'delivered', 'failed', 'cancelled')),
    tries       integer NOT NULL CHECK (tries >= 0),
    lease       uuid,                        -- of who sends it just now, until when by the wall's clock
    lease_until timestamptz
);
CREATE INDEX delivery_alerts ON delivery USING gin (alerts);
CREATE INDEX delivery_batch ON delivery (batch);
CREATE INDEX delivery_pending ON delivery (target, number) WHERE state = 'pending';

CREATE TABLE try (
    delivery uuid NOT NULL REFERENCES delivery,
    attempt  integer NOT NULL CHECK (attempt >= 1),
    at       timestamptz NOT NULL,
    outcome  text NOT NULL CHECK (outcome IN ('delivered', 'later', 'never')),
    answer   text NOT NULL,
    PRIMARY KEY (delivery, attempt)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON contact TO trialops_notifier;
GRANT SELECT, INSERT ON contact_list, heard, try TO trialops_notifier;
GRANT SELECT, INSERT, UPDATE ON settlement TO trialops_notifier;
GRANT SELECT, INSERT ON alert, delivery TO trialops_notifier;
GRANT UPDATE (
    last_event_at, repeats, state, step, rounds, called, reached, next_step_at, acknowledged_by,
    acknowledged_at, lapses_at, cause_settled_at, settled_at
) ON alert TO trialops_notifier;
GRANT UPDATE (state, tries, lease, lease_until) ON delivery TO trialops_notifier;
