-- What drew in a stratum, by the hash of its design: two versions of a protocol may be in force at once.
-- It tells what may come next: it leaves this schema nowhere.
CREATE TABLE part (
    trial   text NOT NULL,
    stratum text NOT NULL,
    part    text NOT NULL,
    state   bigint[] NOT NULL,
    PRIMARY KEY (trial, stratum, part),
    FOREIGN KEY (trial, stratum) REFERENCES stratum
);
INSERT INTO part (trial, stratum, part, state) SELECT trial, stratum, part, state FROM stratum;

-- At once: a process that knows only the old columns must fail, and not draw beside one that left them.
ALTER TABLE stratum DROP COLUMN part, DROP COLUMN state;

GRANT SELECT, INSERT ON part TO trialops_randomizer;
GRANT UPDATE (state) ON part TO trialops_randomizer;
