-- What the portal shows: a read model of the other services' events, and who is signed in.
-- It holds no arm, no treatment code and no free text; those are asked of the service that owns them.

CREATE TABLE trial (
    trial   text PRIMARY KEY,
    state   text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'paused', 'closed')),
    cause   text                          -- of a closed one
);

-- What a person decided about a site; one without a row is as its protocol says.
CREATE TABLE site (
    trial text    NOT NULL,
    site  text    NOT NULL,
    open  boolean NOT NULL,
    PRIMARY KEY (trial, site)
);

-- A subject as its events tell. Those of different topics come in any order, so each group of
-- columns is written by one topic alone.
CREATE TABLE subject (
    trial         text NOT NULL,
    subject       text NOT NULL,
    site          text NOT NULL,
    -- screening: the newest revision of the newest attempt
    screening     text,
    attempt       integer,
    revision      integer,
    verdict       text CHECK (verdict IN ('eligible', 'ineligible', 'incomplete')),
    signed        boolean NOT NULL DEFAULT false,
    stratum       text,
    unmet         text[]  NOT NULL DEFAULT '{}',   -- criterion ids
    unknown       text[]  NOT NULL DEFAULT '{}',   -- criterion ids
    failed        boolean NOT NULL DEFAULT false,
    screened_at   timestamptz,
    -- randomization
    waiting       boolean NOT NULL DEFAULT false,
    refused       text,                            -- the reason
    refused_for   integer[],                       -- attempt and revision
    number        integer,
    drawn_stratum text,
    randomized_at timestamptz,
    deviation     boolean NOT NULL DEFAULT false,  -- no longer eligible, or of another stratum
    -- safety
    left_treatment date,
    withdrew       date,                           -- the consent
    died           date,
    PRIMARY KEY (trial, subject)
);
CREATE INDEX subject_of_site ON subject (trial, site);
CREATE INDEX subject_randomized ON subject (trial, randomized_at) WHERE number IS NOT NULL;

CREATE TABLE adverse_event (
    trial       text NOT NULL,
    "case"      text NOT NULL,
    subject     text NOT NULL,
    site        text NOT NULL,
    version     integer NOT NULL,
    grade       integer,
    severity    text,
    serious     boolean NOT NULL,
    seriousness text[]  NOT NULL,
    susar       boolean NOT NULL,
    outcome     text,
    matched     boolean NOT NULL,
    unmatched   boolean NOT NULL DEFAULT false,    -- for 24 hours: told by an event of its own
    reported_at timestamptz NOT NULL,
    changed_at  timestamptz NOT NULL,
    PRIMARY KEY (trial, "case")
);
CREATE INDEX adverse_event_of_subject ON adverse_event (trial, subject);
CREATE INDEX adverse_event_newest ON adverse_event (trial, reported_at DESC, "case");

CREATE TABLE clock (
    trial      text NOT NULL,
    clock      text NOT NULL,
    "case"     text NOT NULL,
    subject    text NOT NULL,
    site       text NOT NULL,
    kind       text NOT NULL,
    authority  text,
    due        timestamptz NOT NULL,
    state      text NOT NULL CHECK (state IN ('running', 'overdue', 'met', 'late', 'cancelled')),
    stopped_at timestamptz,
    PRIMARY KEY (trial, clock)
);
CREATE INDEX clock_of_case ON clock (trial, "case");
CREATE INDEX clock_open ON clock (trial, due) WHERE state IN ('running', 'overdue');

CREATE TABLE alert (
    alert     text PRIMARY KEY,
    trial     text,                                -- null: of the platform
    severity  text NOT NULL,
    event     text NOT NULL,
    rule      text NOT NULL,
    subject   text,
    site      text,
    roles     text[] NOT NULL DEFAULT '{}',
    state     text NOT NULL CHECK (state IN ('open', 'acknowledged', 'settled')),
    step      integer NOT NULL DEFAULT 1,
    delivered boolean NOT NULL DEFAULT false,      -- somebody's server took a message
    unreached boolean NOT NULL DEFAULT false,      -- nobody is left to call
    lapsed    boolean NOT NULL DEFAULT false,
    person    text,                                -- who acknowledged
    raised_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL
);
CREATE INDEX alert_of_trial ON alert (trial, state, raised_at DESC);

-- Only the hash of a session's id is kept: who reads this table cannot become anyone.
CREATE TABLE session (
    id      bytea PRIMARY KEY CHECK (octet_length(id) = 32),
    person  text NOT NULL,
    trial   text,                                  -- the trial last looked at
    ends_at timestamptz NOT NULL,                  -- the wall's time, as all of this table
    seen_at timestamptz NOT NULL
);
CREATE INDEX session_end ON session (ends_at);

-- Failed sign-ins of late, by the name given (its hash) and, under an empty one, of all.
CREATE TABLE sign_in_failure (
    name  bytea       NOT NULL,
    since timestamptz NOT NULL,
    count integer     NOT NULL,
    PRIMARY KEY (name)
);

GRANT SELECT, INSERT, UPDATE ON trial, site, subject, adverse_event, clock, alert TO trialops_portal;
GRANT SELECT, INSERT, UPDATE, DELETE ON session, sign_in_failure TO trialops_portal;
