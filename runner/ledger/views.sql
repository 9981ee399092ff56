-- The views. docs/database.md gives the formulas in words.

-- What each role's use of each model cost by each card. A lost call (the runner died, or the
-- connection broke, after sending) costs its reserve: it may have been billed, and nobody can say
-- how much. Where not even the model is known (''), the reserve counts by every card.
CREATE OR REPLACE VIEW costs AS
SELECT
    usage.trial_id, cards.card, usage.role, usage.model,
    CASE
        WHEN rates.model IS NOT NULL THEN round((
            usage.input_tokens * rates.input
            + usage.output_tokens * rates.output
            + usage.cache_write_5m_tokens * rates.cache_write_5m
            + usage.cache_write_1h_tokens * rates.cache_write_1h
            + usage.cache_read_tokens * rates.cache_read
        ) / 1e6
            -- By time, where the model has such a price: then NULL if the time is not known.
            + CASE WHEN rates.gpu_hour > 0
                THEN usage.seconds / 3600 * rates.gpu_hour ELSE 0 END
            + CASE WHEN rates.kwh > 0
                THEN (usage.watt_hours + usage.unmetered_s / 3600 * rates.watts) / 1000 * rates.kwh
                ELSE 0 END
            + usage.lost_usd, 9)
        WHEN usage.model = '' THEN usage.lost_usd
    END AS usd,
    usage.lost_usd
FROM usage
CROSS JOIN (SELECT DISTINCT card FROM rates) AS cards
LEFT JOIN rates ON rates.card = cards.card AND rates.model = usage.model;

-- The trials that say something about their arm: not those that the machine or the service
-- ended, nor those cut short because others had used up the arm's or the run's money.
CREATE OR REPLACE VIEW results AS
SELECT * FROM trials
WHERE status <> 'infra' AND coalesce(detail->>'limit', '') NOT IN ('arm', 'run');

CREATE OR REPLACE VIEW cell_samples AS
WITH trial_costs AS (
    SELECT
        trial_id, card, round(sum(usd), 9) AS usd, bool_and(usd IS NOT NULL) AS known
    FROM costs
    GROUP BY trial_id, card
),
priced AS (
    SELECT
        trials.arm, trials.task, trials.provider_kind, trials.status, trials.success,
        trials.wall_s, trials.iterations, cards.card, results.trial_id IS NOT NULL AS result,
        CASE WHEN coalesce(trial_costs.known, true) THEN coalesce(trial_costs.usd, 0) END AS usd
    FROM trials
    CROSS JOIN (SELECT DISTINCT card FROM rates) AS cards
    LEFT JOIN results ON results.trial_id = trials.trial_id
    LEFT JOIN trial_costs
        ON trial_costs.trial_id = trials.trial_id AND trial_costs.card = cards.card
)
SELECT
    arm, task, card, provider_kind,
    count(*) AS attempts,
    count(*) FILTER (result) AS results,
    count(*) FILTER (result AND success) AS successes,
    count(*) FILTER (status = 'infra') AS infra,
    -- Rounded, because a sum of floats depends on the order the rows come in.
    CASE WHEN bool_and(usd IS NOT NULL) THEN round(sum(usd), 9) END AS total_usd,
    CASE WHEN bool_and(usd IS NOT NULL) FILTER (result)
        THEN round(sum(usd) FILTER (result), 9) END AS results_usd,
    -- Of solved trials only: what a limit ended may have succeeded, but its size is censored.
    CASE WHEN bool_and(usd IS NOT NULL) FILTER (status = 'solved')
        THEN list_sort(list(usd) FILTER (status = 'solved')) END AS usd_sample,
    CASE WHEN bool_and(wall_s IS NOT NULL) FILTER (status = 'solved')
        THEN list_sort(list(wall_s) FILTER (status = 'solved')) END AS wall_s_sample,
    list_sort(list(iterations::DOUBLE) FILTER (status = 'solved')) AS iterations_sample
FROM priced
GROUP BY arm, task, card, provider_kind;

-- 1.959963984540054 is the normal quantile for 95 %, 3.841458820694124 its square.
CREATE OR REPLACE VIEW cells AS
SELECT
    cell.arm, cell.task, cell.card, cell.provider_kind,
    cell.attempts, cell.successes,
    cell.successes / nullif(cell.results, 0) AS success_rate,
    CASE WHEN cell.results > 0 THEN greatest(0, wilson.centre - wilson.half) END AS wilson_low,
    CASE WHEN cell.results > 0 THEN least(1, wilson.centre + wilson.half) END AS wilson_high,
    list_median(cell.usd_sample) AS median_usd,
    usd.low AS median_usd_low,
    usd.high AS median_usd_high,
    list_median(cell.wall_s_sample) AS median_wall_s,
    wall.low AS median_wall_s_low,
    wall.high AS median_wall_s_high,
    list_median(cell.iterations_sample) AS median_iterations,
    iterations.low AS median_iterations_low,
    iterations.high AS median_iterations_high,
    CASE WHEN cell.successes > 0 THEN cell.results_usd / cell.successes END AS usd_per_success,
    cell.total_usd,
    cell.infra,
    cell.results
FROM cell_samples AS cell
CROSS JOIN LATERAL (SELECT
    (cell.successes + 3.841458820694124 / 2)
        / (nullif(cell.results, 0) + 3.841458820694124) AS centre,
    1.959963984540054 / (cell.results + 3.841458820694124) * sqrt(
        cell.successes * (cell.results - cell.successes) / nullif(cell.results, 0)
        + 3.841458820694124 / 4
    ) AS half
) AS wilson
LEFT JOIN median_intervals AS usd ON usd.sample = cell.usd_sample
LEFT JOIN median_intervals AS wall ON wall.sample = cell.wall_s_sample
LEFT JOIN median_intervals AS iterations ON iterations.sample = cell.iterations_sample;

-- What fills the lead's context, call by call. The total is exact; its parts are an estimate.
CREATE OR REPLACE VIEW context_growth AS
WITH lead_calls AS (
    SELECT
        trial_id, seq, iteration, role, output_tokens,
        input_tokens + cache_write_5m_tokens + cache_write_1h_tokens + cache_read_tokens
            AS context_tokens
    FROM calls
    -- An imported trial has one row for all its calls: there is no growth to be seen in it.
    WHERE role IN ('solo', 'orchestrator')
        AND NOT coalesce((detail->>'aggregated')::BOOLEAN, false)
),
tool_chars AS (
    SELECT
        trial_id, call_seq,
        sum(output_chars) FILTER (tool = 'delegate_to_executor') AS executor_chars,
        sum(output_chars) FILTER (tool <> 'delegate_to_executor') AS tool_chars
    FROM tool_calls
    WHERE role IN ('solo', 'orchestrator')
    GROUP BY trial_id, call_seq
),
running AS (
    SELECT
        lead_calls.*,
        first_value(context_tokens) OVER whole AS first_context,
        coalesce(sum(output_tokens) OVER earlier, 0) AS said_tokens,
        coalesce(sum(executor_chars) OVER earlier, 0) AS executor_chars,
        coalesce(sum(tool_chars) OVER earlier, 0) AS tool_chars
    FROM lead_calls
    LEFT JOIN tool_chars
        ON tool_chars.trial_id = lead_calls.trial_id AND tool_chars.call_seq = lead_calls.seq
    WHERE context_tokens > 0
    WINDOW
        whole AS (PARTITION BY lead_calls.trial_id ORDER BY seq),
        earlier AS (
            PARTITION BY lead_calls.trial_id ORDER BY seq
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        )
),
split AS (
    SELECT
        *,
        least(context_tokens, first_context) AS base,
        greatest(context_tokens - first_context, 0) AS growth
    FROM running
),
parts AS (
    SELECT *, least(said_tokens, growth) AS own_text, growth - least(said_tokens, growth) AS rest
    FROM split
)
SELECT
    trial_id, iteration,
    context_tokens::BIGINT AS context_tokens,
    (CASE WHEN executor_chars > 0
        THEN round(rest * executor_chars / (executor_chars + tool_chars)) ELSE 0 END)::BIGINT
        AS executor_returns,
    (rest - executor_returns)::BIGINT AS own_tool_output,
    own_text::BIGINT AS own_text,
    base::BIGINT AS base,
    seq, role
FROM parts;
