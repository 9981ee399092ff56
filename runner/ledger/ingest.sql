-- What a step brings, from the temporary tables `new_*` (see steps.py), which hold whole trials.

CREATE OR REPLACE TEMP TABLE new_calls AS
SELECT
    trial_id, seq,
    coalesce(settled.iteration, reserved.iteration) AS iteration,
    coalesce(settled.role, reserved.role) AS role,
    coalesce(settled.model, reserved.model) AS model,
    -- A lost call that reported no tokens may have used some.
    CASE WHEN NOT settled.lost OR settled.usage <> {
        'input_tokens': 0, 'output_tokens': 0, 'cache_write_5m_tokens': 0,
        'cache_write_1h_tokens': 0, 'cache_read_tokens': 0
    } THEN settled.usage END AS usage,
    settled.latency_s, settled.stop_reason, settled.request_id,
    CASE WHEN settled.lost IS NULL THEN 'unsettled' ELSE settled.error END AS error,
    reserved.usd AS reserved_usd,
    coalesce(settled.lost, true) AS lost,
    settled.detail
FROM new_settled AS settled
FULL JOIN new_reserved AS reserved USING (trial_id, seq);

INSERT INTO calls BY NAME
SELECT * EXCLUDE usage, unnest(usage) FROM new_calls;

INSERT INTO usage BY NAME
SELECT
    trial_id, role, model,
    count(*) AS calls,
    coalesce(sum(usage.input_tokens) FILTER (NOT lost), 0) AS input_tokens,
    coalesce(sum(usage.output_tokens) FILTER (NOT lost), 0) AS output_tokens,
    coalesce(sum(usage.cache_write_5m_tokens) FILTER (NOT lost), 0) AS cache_write_5m_tokens,
    coalesce(sum(usage.cache_write_1h_tokens) FILTER (NOT lost), 0) AS cache_write_1h_tokens,
    coalesce(sum(usage.cache_read_tokens) FILTER (NOT lost), 0) AS cache_read_tokens,
    -- Rounded, because a sum of floats depends on the order the rows come in.
    round(coalesce(sum(reserved_usd) FILTER (lost), 0), 9) AS lost_usd,
    -- A price by time is linear too. NULL where the seconds of a call are not known.
    CASE WHEN coalesce(bool_and(worked_s IS NOT NULL) FILTER (NOT lost), true)
        THEN round(coalesce(sum(worked_s) FILTER (NOT lost), 0), 9) END AS seconds,
    round(coalesce(sum(watt_hours) FILTER (NOT lost), 0), 9) AS watt_hours,
    CASE WHEN coalesce(
        bool_and(latency_s IS NOT NULL OR watt_hours IS NOT NULL) FILTER (NOT lost), true
    ) THEN round(coalesce(sum(latency_s) FILTER (NOT lost AND watt_hours IS NULL), 0), 9)
        END AS unmetered_s
FROM (
    SELECT *, CASE WHEN json_type(detail, '$.watt_hours') IN ('DOUBLE', 'UBIGINT', 'BIGINT')
        AND (detail->>'watt_hours')::DOUBLE >= 0 THEN (detail->>'watt_hours')::DOUBLE
        END AS watt_hours,
        -- Those in which the GPU worked where that was measured; `least` leaves NULL out.
        least(latency_s, CASE
            WHEN json_type(detail, '$.gpu_s') IN ('DOUBLE', 'UBIGINT', 'BIGINT')
            AND (detail->>'gpu_s')::DOUBLE >= 0 THEN (detail->>'gpu_s')::DOUBLE
        END) AS worked_s
    FROM new_calls
)
GROUP BY trial_id, role, model;

INSERT INTO tool_calls BY NAME
FROM new_tools;

INSERT INTO checks BY NAME
FROM new_checks;

-- A trial without an end is one whose runner died: what is on record is summed up, the wall
-- time is never guessed.
INSERT INTO trials BY NAME
WITH died AS (
    FROM new_started ANTI JOIN new_ended USING (trial_id)
),
talked AS (
    SELECT
        trial_id,
        max(iteration) FILTER (role <> 'executor') AS iterations,
        round(sum(latency_s), 9) AS model_s
    FROM new_calls SEMI JOIN died USING (trial_id)
    GROUP BY trial_id
),
worked AS (
    SELECT trial_id, round(sum(seconds), 9) AS tool_s
    FROM new_tools SEMI JOIN died USING (trial_id)
    WHERE tool <> 'delegate_to_executor'  -- its seconds are its executor's calls and tools
    GROUP BY trial_id
)
SELECT
    started.* REPLACE (utc(started.started_at) AS started_at),
    ended.* EXCLUDE trial_id REPLACE (utc(ended.ended_at) AS ended_at)
FROM new_started AS started
JOIN new_ended AS ended USING (trial_id)
UNION ALL BY NAME
SELECT
    died.* REPLACE (utc(died.started_at) AS started_at),
    'infra' AS status, false AS success, false AS harness_green,
    coalesce(talked.iterations, 0) AS iterations,
    coalesce(talked.model_s, 0) AS model_s,
    coalesce(worked.tool_s, 0) AS tool_s,
    'the runner died' AS reason
FROM died
LEFT JOIN talked USING (trial_id)
LEFT JOIN worked USING (trial_id);

-- Money set aside for a whole attempt counts until the attempt's end is on record, as a lost
-- call of nobody knows which model.
DELETE FROM issued WHERE trial_id IN (SELECT trial_id FROM new_ended);

CREATE OR REPLACE TEMP TABLE new_lost AS
SELECT issued.* FROM issued JOIN new_over USING (journal) WHERE issued.line < new_over.line;

INSERT INTO trials BY NAME
SELECT
    lost.trial_id, lost.run_id, lost.arm, lost.task, lost.trial, lost.attempt, lost.journal,
    runs.provider_kind,
    'infra' AS status, false AS success, false AS harness_green, 0 AS iterations,
    'issued, and nothing of it came back' AS reason
FROM new_lost AS lost
LEFT JOIN runs USING (run_id)
ANTI JOIN trials ON trials.trial_id = lost.trial_id;

INSERT INTO calls BY NAME
SELECT
    trial_id, 0 AS seq, 0 AS iteration, '' AS role, '' AS model, 'unsettled' AS error,
    usd AS reserved_usd, true AS lost
FROM new_lost;

INSERT INTO usage
SELECT trial_id, '', '', 1, 0, 0, 0, 0, 0, round(usd, 9), 0, 0, 0 FROM new_lost;

DELETE FROM issued USING new_lost
WHERE issued.journal = new_lost.journal AND issued.line = new_lost.line;
