-- The tables. docs/database.md says what each column means; a test compares the two.
-- A change here raises SCHEMA in tables.py.

CREATE TABLE schema_version (
    version   INTEGER NOT NULL,
    views     BIGINT NOT NULL,
    intervals BOOLEAN NOT NULL
);

CREATE TABLE runs (
    run_id         VARCHAR PRIMARY KEY,
    provider_kind  VARCHAR NOT NULL,
    started_at     TIMESTAMP,
    lock           JSON NOT NULL,
    n              INTEGER,
    fixed          BOOLEAN,
    seed           BIGINT,
    jobs           INTEGER,
    budget_usd     DOUBLE,
    arm_budget_usd DOUBLE,
    sessions       INTEGER NOT NULL,
    state          VARCHAR NOT NULL CHECK (
        state IN ('running', 'complete', 'paused', 'broken off')
    ),
    reason         VARCHAR,
    ended_at       TIMESTAMP,
    journal        VARCHAR NOT NULL,
    session        JSON
);

CREATE TABLE trials (
    trial_id      VARCHAR PRIMARY KEY,
    run_id        VARCHAR NOT NULL,
    arm           VARCHAR NOT NULL,
    task          VARCHAR NOT NULL,
    trial         INTEGER NOT NULL,
    attempt       INTEGER NOT NULL,
    provider_kind VARCHAR NOT NULL CHECK (
        provider_kind IN ('live', 'scripted', 'imported', 'replayed')
    ),
    status        VARCHAR NOT NULL CHECK (
        status IN ('solved', 'failed', 'cap', 'budget', 'timeout', 'blocked', 'infra')
    ),
    success       BOOLEAN NOT NULL,
    harness_green BOOLEAN NOT NULL,
    iterations    INTEGER NOT NULL,
    wall_s        DOUBLE,
    model_s       DOUBLE,
    tool_s        DOUBLE,
    judge_s       DOUBLE,
    wait_s        DOUBLE,
    started_at    TIMESTAMP,
    manifest      JSON,
    ended_at      TIMESTAMP,
    reason        VARCHAR,
    detail        JSON,
    journal       VARCHAR NOT NULL
);

CREATE TABLE calls (
    trial_id              VARCHAR NOT NULL,
    seq                   INTEGER NOT NULL,
    iteration             INTEGER NOT NULL,
    role                  VARCHAR NOT NULL,
    model                 VARCHAR NOT NULL,
    input_tokens          BIGINT,
    output_tokens         BIGINT,
    cache_write_5m_tokens BIGINT,
    cache_write_1h_tokens BIGINT,
    cache_read_tokens     BIGINT,
    latency_s             DOUBLE,
    stop_reason           VARCHAR,
    request_id            VARCHAR,
    error                 VARCHAR,
    reserved_usd          DOUBLE,
    lost                  BOOLEAN NOT NULL,
    detail                JSON
);

-- The calls of a trial summed up by who made them, so that money is never summed from calls:
-- prices are linear, hence tokens first and prices after is exact.
CREATE TABLE usage (
    trial_id              VARCHAR NOT NULL,
    role                  VARCHAR NOT NULL,
    model                 VARCHAR NOT NULL,
    calls                 INTEGER NOT NULL,
    input_tokens          BIGINT NOT NULL,
    output_tokens         BIGINT NOT NULL,
    cache_write_5m_tokens BIGINT NOT NULL,
    cache_write_1h_tokens BIGINT NOT NULL,
    cache_read_tokens     BIGINT NOT NULL,
    lost_usd              DOUBLE NOT NULL,
    seconds               DOUBLE,
    watt_hours            DOUBLE NOT NULL,
    unmetered_s           DOUBLE
);

-- Attempts that money was set aside for as a whole and that have no end yet.
CREATE TABLE issued (
    run_id   VARCHAR NOT NULL,
    trial_id VARCHAR NOT NULL,
    arm      VARCHAR NOT NULL,
    task     VARCHAR NOT NULL,
    trial    INTEGER NOT NULL,
    attempt  INTEGER NOT NULL,
    usd      DOUBLE NOT NULL,
    journal  VARCHAR NOT NULL,
    line     BIGINT NOT NULL
);

CREATE TABLE tool_calls (
    trial_id     VARCHAR NOT NULL,
    call_seq     INTEGER NOT NULL,
    role         VARCHAR NOT NULL,
    tool         VARCHAR NOT NULL,
    seconds      DOUBLE NOT NULL,
    exit_code    INTEGER,
    timed_out    BOOLEAN NOT NULL,
    truncated    BOOLEAN NOT NULL,
    output_chars BIGINT NOT NULL,
    is_error     BOOLEAN NOT NULL,
    seq          INTEGER NOT NULL,
    iteration    INTEGER NOT NULL,
    summary      VARCHAR
);

CREATE TABLE checks (
    trial_id VARCHAR NOT NULL,
    name     VARCHAR NOT NULL,
    passed   BOOLEAN NOT NULL,
    detail   JSON
);

CREATE TABLE rates (
    card           VARCHAR NOT NULL,
    as_of          DATE NOT NULL,
    source         VARCHAR NOT NULL,
    model          VARCHAR NOT NULL,
    input          DOUBLE NOT NULL,
    output         DOUBLE NOT NULL,
    cache_write_5m DOUBLE NOT NULL,
    cache_write_1h DOUBLE NOT NULL,
    cache_read     DOUBLE NOT NULL,
    gpu_hour       DOUBLE NOT NULL,
    kwh            DOUBLE NOT NULL,
    watts          DOUBLE NOT NULL
);

-- 95 % bootstrap intervals of a median, by the values themselves: a cell whose values changed
-- finds no row, so that no view can show an interval of other data.
CREATE TABLE median_intervals (
    sample DOUBLE[] NOT NULL,
    low    DOUBLE NOT NULL,
    high   DOUBLE NOT NULL
);

CREATE TABLE ingested (
    journal     VARCHAR PRIMARY KEY,
    size        BIGINT NOT NULL,
    mtime_ns    BIGINT NOT NULL,
    read_lines  BIGINT NOT NULL,
    read_bytes  BIGINT NOT NULL,
    again_lines BIGINT NOT NULL,
    again_bytes BIGINT NOT NULL,
    again_crc   BIGINT NOT NULL,
    closed      BOOLEAN NOT NULL
);
