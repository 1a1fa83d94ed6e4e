-- The application's database. Runs once, as the superuser, in an empty database `agentauri`;
-- the role `agentauri` must exist. Nothing here depends on the design or on the speed of the twin.
begin;

create table users (
    id uuid primary key default gen_random_uuid(),
    username text not null unique,
    email text not null unique,
    password_hash text not null,
    created_at timestamptz not null default clock_timestamp()
);

create table organizations (
    id uuid primary key default gen_random_uuid(),
    name text not null,
    slug text not null unique,
    owner_id uuid not null references users,
    created_at timestamptz not null default clock_timestamp()
);

create table memberships (
    organization_id uuid not null references organizations on delete cascade,
    user_id uuid not null references users on delete cascade,
    role text not null check (role in ('owner', 'admin', 'member', 'viewer')),
    primary key (user_id, organization_id)
);

create table api_keys (
    id uuid primary key default gen_random_uuid(),
    organization_id uuid not null references organizations on delete cascade,
    name text not null,
    prefix text not null,
    key_hash text not null,
    revoked boolean not null default false,
    created_at timestamptz not null default clock_timestamp()
);
create index api_keys_of_organization on api_keys (organization_id, created_at desc);

-- `name` is not unique and there is no idempotency key: a write that was sent twice is here twice.
create table triggers (
    id uuid primary key default gen_random_uuid(),
    organization_id uuid not null references organizations on delete cascade,
    name text not null,
    description text,
    chain_id integer not null,
    registry text not null,
    enabled boolean not null default true,
    created_at timestamptz not null default clock_timestamp(),
    region text not null
);
create index triggers_newest on triggers (organization_id, created_at desc);
create index triggers_by_name on triggers (name);
create index triggers_to_match on triggers (chain_id, registry, created_at) where enabled;

create table events (
    id bigserial primary key,
    chain_id integer not null,
    registry text not null,
    block bigint not null,
    created_at timestamptz not null default clock_timestamp()
);

create table processed_events (
    event_id bigint primary key,
    region text not null,
    processed_at timestamptz not null default clock_timestamp()
);

-- What a worker that acknowledges after the run claims, in the statement that writes the result: each job once.
create table executed_jobs (
    job_id uuid primary key
);

-- Deliberately not unique: an event executed twice must be visible as two rows.
create table action_results (
    job_id uuid not null,
    event_id bigint not null,
    trigger_id uuid not null,
    region text not null,
    executed_at timestamptz not null default clock_timestamp()
);
create index action_results_by_job on action_results (job_id);
create index action_results_by_event on action_results (event_id);

create table dead_letters (
    job_id uuid not null,
    event_id bigint,
    trigger_id uuid,
    reason text not null,
    region text not null,
    failed_at timestamptz not null default clock_timestamp()
);

-- `beat` is AWS time, microseconds since the epoch, given by whoever wrote it; `at` is the database's own clock.
create table heartbeat (
    region text primary key,
    at timestamptz not null default clock_timestamp(),
    beat bigint not null
);

create function announce_event() returns trigger language plpgsql as $$
begin
    perform pg_notify('events', new.id::text);
    return null;
end
$$;
create trigger announce after insert on events for each row execute function announce_event();

grant usage on schema public to agentauri;
grant select, insert, update, delete on all tables in schema public to agentauri;
grant usage, select on all sequences in schema public to agentauri;

commit;
