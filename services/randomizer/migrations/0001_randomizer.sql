-- What the randomizer remembers. The service's role may do what is granted at the end and nothing more;
-- what is granted as INSERT alone cannot be changed by the owner either (see kept_for_ever).

CREATE TABLE trial (
    trial            text PRIMARY KEY,
    protocol_version text NOT NULL,
    protocol_sha256  text NOT NULL,
    design_sha256    text NOT NULL,
    commitment       text NOT NULL,
    sealed_seed      bytea NOT NULL,  -- AES-GCM; its key is never in this database
    state            text NOT NULL CHECK (state IN ('open', 'paused', 'closed')),
    closed_by        text CHECK (closed_by IN ('target_reached', 'closed')),
    randomized       integer NOT NULL CHECK (randomized >= 0),  -- the number of the last draw
    arrivals         integer NOT NULL CHECK (arrivals >= 0),    -- the last place of those waiting
    list_sha256      text,
    activated_at     timestamptz NOT NULL,
    CHECK ((state = 'closed') = (closed_by IS NOT NULL))
);

-- The design of each protocol version, and the number of the last draw before it.
CREATE TABLE scheme (
    trial            text NOT NULL REFERENCES trial,
    protocol_version text NOT NULL,
    after_number     integer NOT NULL CHECK (after_number >= 0),
    design_sha256    text NOT NULL,
    randomization    text NOT NULL,  -- JSON as text: the order of the arms is part of the design
    strata           text NOT NULL,
    activated_at     timestamptz NOT NULL,
    PRIMARY KEY (trial, protocol_version)
);

CREATE TABLE site (
    trial text NOT NULL REFERENCES trial,
    site  text NOT NULL,
    open  boolean NOT NULL,
    PRIMARY KEY (trial, site)
);

-- Where the design stands in a stratum. It tells what may come next: it leaves this schema nowhere.
CREATE TABLE stratum (
    trial   text NOT NULL,
    stratum text NOT NULL,
    drawn   integer NOT NULL CHECK (drawn >= 0),
    part    text NOT NULL,      -- the hash of the design that the state belongs to
    state   bigint[] NOT NULL,
    PRIMARY KEY (trial, stratum)
);

CREATE TABLE cell (
    trial      text NOT NULL,
    site       text NOT NULL,
    stratum    text NOT NULL,
    randomized integer NOT NULL CHECK (randomized >= 0),
    PRIMARY KEY (trial, site, stratum)
);

-- Each subject by its newest screening.
CREATE TABLE subject (
    trial            text NOT NULL,
    subject          text NOT NULL,
    site             text NOT NULL,
    standing         text NOT NULL CHECK (standing IN (
        'unknown', 'not_eligible', 'unsigned', 'waiting', 'randomized', 'refused', 'failed')),
    screening        text NOT NULL,
    attempt          integer NOT NULL,
    revision         integer NOT NULL,
    signed           boolean NOT NULL,
    verdict          text,
    stratum          text,
    protocol_version text NOT NULL,
    form_sha256      text NOT NULL,
    carry            text NOT NULL,  -- JSON
    arrival          integer,
    refusal          text,
    withdrawn        boolean NOT NULL,
    number           integer,        -- of its allocation, and the stratum it was in then
    drawn_in         text,
    PRIMARY KEY (trial, subject),
    CHECK ((standing = 'randomized') = (number IS NOT NULL)),
    CHECK ((number IS NULL) = (drawn_in IS NULL))
);

CREATE INDEX subject_not_drawn ON subject (trial, standing)
    WHERE standing IN ('waiting', 'refused');

-- One draw, with the values that it went by.
CREATE TABLE allocation (
    trial            text NOT NULL,
    number           integer NOT NULL CHECK (number >= 1),
    subject          text NOT NULL,
    site             text NOT NULL,
    stratum          text NOT NULL,
    arm              text NOT NULL,
    protocol_version text NOT NULL,
    screening        text NOT NULL,
    attempt          integer NOT NULL,
    revision         integer NOT NULL,
    form_sha256      text NOT NULL,
    carry            text NOT NULL,
    drawn_at         timestamptz NOT NULL,
    PRIMARY KEY (trial, number),
    UNIQUE (trial, subject)
);

CREATE TABLE allocation_list (
    trial     text PRIMARY KEY REFERENCES trial,
    sha256    text NOT NULL,
    csv       text NOT NULL,  -- as uploaded
    loaded_by text NOT NULL,
    loaded_at timestamptz NOT NULL
);

-- Who asked for the seed: the second person opens it.
CREATE TABLE seed_opening (
    trial    text NOT NULL REFERENCES trial,
    person   text NOT NULL,
    reason   text NOT NULL,
    asked_at timestamptz NOT NULL,
    PRIMARY KEY (trial, person)
);

CREATE FUNCTION kept_for_ever() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is kept for ever: no % here', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON allocation
    FOR EACH STATEMENT EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON allocation_list
    FOR EACH STATEMENT EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON scheme
    FOR EACH STATEMENT EXECUTE FUNCTION kept_for_ever();
CREATE TRIGGER kept BEFORE UPDATE OR DELETE OR TRUNCATE ON seed_opening
    FOR EACH STATEMENT EXECUTE FUNCTION kept_for_ever();
GRANT SELECT, INSERT ON trial, site, stratum, cell, subject TO trialops_randomizer;
GRANT SELECT, INSERT ON allocation, allocation_list, scheme, seed_opening TO trialops_randomizer;
GRANT UPDATE (
    protocol_version, protocol_sha256, design_sha256, state, closed_by, randomized, arrivals, list_sha256
) ON trial TO trialops_randomizer;
GRANT UPDATE (open) ON site TO trialops_randomizer;
GRANT UPDATE (drawn, part, state) ON stratum TO trialops_randomizer;
GRANT UPDATE (randomized) ON cell TO trialops_randomizer;
GRANT UPDATE ON subject TO trialops_randomizer;
