-- The log: entries in the order in which audit committed them, the full hash tiles over them, and
-- the checkpoints signed. Nothing in it is ever changed or taken out.

create table entry (
    "index"  bigint primary key check ("index" >= 0),
    ce_id    uuid not null unique,
    topic    text not null,
    key      text not null,
    sequence bigint not null check (sequence >= 1),
    trial    text,
    subject  text,
    type     text,
    actor    text,
    time     timestamptz,
    line     bytea not null check (octet_length(line) between 2 and 65535),
    leaf     bytea not null check (octet_length(leaf) = 32),
    unique (topic, key, sequence)
);
-- An auditor pages through a trial, or through one subject of it, in the log's order.
create index entry_trial on entry (trial, "index");
create index entry_subject on entry (trial, subject, "index") where subject is not null;

-- Full tiles only: those at the right edge of the tree are made from what lies below them. `root`
-- is the tile's own hash, so that a tile of the level above is made without reading 256 of these.
create table tile (
    level  int not null check (level between 0 and 6),
    n      bigint not null check (n >= 0),
    hashes bytea not null check (octet_length(hashes) = 8192),
    root   bytea not null check (octet_length(root) = 32),
    primary key (level, n)
);
-- Hashes do not compress: trying to would only cost time.
alter table tile alter column hashes set storage external;

create table checkpoint (
    size      bigint not null check (size >= 0),
    signed_at timestamptz not null,
    root      bytea not null check (octet_length(root) = 32),
    note      text not null,
    primary key (size, signed_at)
);

-- Bytes that came under the id of an entry with other bytes: told once, and never an entry.
create table conflict (
    ce_id uuid not null,
    leaf  bytea not null check (octet_length(leaf) = 32),
    primary key (ce_id, leaf)
);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'the log is only ever added to: % on %', tg_op, tg_table_name
        using errcode = 'insufficient_privilege';
end
$$;

create trigger only_added_to before update or delete or truncate on entry
    for each statement execute function refuse_change();
create trigger only_added_to before update or delete or truncate on tile
    for each statement execute function refuse_change();
create trigger only_added_to before update or delete or truncate on checkpoint
    for each statement execute function refuse_change();
create trigger only_added_to before update or delete or truncate on conflict
    for each statement execute function refuse_change();

grant select, insert on entry, tile, checkpoint, conflict to trialops_audit;

-- Sequence numbers that have not come though later ones of their key have: told once, after a while.
create table gap (
    topic   text not null,
    key     text not null,
    first   bigint not null,
    last    bigint not null,
    seen_at timestamptz not null,
    told    boolean not null default false,
    primary key (topic, key, first)
);
grant select, insert, update (told) on gap to trialops_audit;
