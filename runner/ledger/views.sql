-- The views. docs/database.md gives the formulas in words.

-- What each call cost by each card. A lost call (the runner died, or the connection broke, after
-- sending) costs its reserve: it may have been billed, and nobody can say how much.
CREATE OR REPLACE VIEW costs AS
WITH priced AS (
    SELECT
        calls.trial_id, cards.card, calls.role, calls.model,
        calls.lost,
        coalesce(calls.reserved_usd, 0) AS reserved_usd,
        rates.model IS NOT NULL AS known,
        (
            calls.input_tokens * rates.input
            + calls.output_tokens * rates.output
            + calls.cache_write_5m_tokens * rates.cache_write_5m
            + calls.cache_write_1h_tokens * rates.cache_write_1h
            + calls.cache_read_tokens * rates.cache_read
        ) / 1e6 AS metered_usd
    FROM calls
    CROSS JOIN (SELECT DISTINCT card FROM rates) AS cards
    LEFT JOIN rates ON rates.card = cards.card AND rates.model = calls.model
)
SELECT
    trial_id, card, role, model,
    CASE WHEN bool_and(known) THEN round(
        coalesce(sum(metered_usd) FILTER (NOT lost), 0)
        + coalesce(sum(reserved_usd) FILTER (lost), 0), 9
    ) END AS usd,
    round(coalesce(sum(reserved_usd) FILTER (lost), 0), 9) AS lost_usd
FROM priced
GROUP BY trial_id, card, role, model;

CREATE OR REPLACE VIEW cell_samples AS
WITH trial_costs AS (
    SELECT
        trials.*, cards.card,
        CASE WHEN coalesce(bool_and(costs.usd IS NOT NULL OR costs.trial_id IS NULL), true)
            THEN round(coalesce(sum(costs.usd), 0), 9) END AS usd
    FROM trials
    CROSS JOIN (SELECT DISTINCT card FROM rates) AS cards
    LEFT JOIN costs ON costs.trial_id = trials.trial_id AND costs.card = cards.card
    GROUP BY ALL
)
SELECT
    arm, task, card, provider_kind,
    count(*) AS attempts,
    count(*) FILTER (success) AS successes,
    count(*) FILTER (status = 'infra') AS infra,
    -- Rounded, because a sum of floats depends on the order the rows come in.
    CASE WHEN bool_and(usd IS NOT NULL) THEN round(sum(usd), 9) END AS total_usd,
    CASE WHEN bool_and(usd IS NOT NULL) FILTER (success)
        THEN list_sort(list(usd) FILTER (success)) END AS usd_sample,
    CASE WHEN bool_and(wall_s IS NOT NULL) FILTER (success)
        THEN list_sort(list(wall_s) FILTER (success)) END AS wall_s_sample,
    list_sort(list(iterations::DOUBLE) FILTER (success)) AS iterations_sample
FROM trial_costs
GROUP BY arm, task, card, provider_kind;

-- 1.959963984540054 is the normal quantile for 95 %, 3.841458820694124 its square.
CREATE OR REPLACE VIEW cells AS
SELECT
    cell.arm, cell.task, cell.card, cell.provider_kind,
    cell.attempts, cell.successes,
    cell.successes / cell.attempts AS success_rate,
    greatest(0, wilson.centre - wilson.half) AS wilson_low,
    least(1, wilson.centre + wilson.half) AS wilson_high,
    list_median(cell.usd_sample) AS median_usd,
    usd.low AS median_usd_low,
    usd.high AS median_usd_high,
    list_median(cell.wall_s_sample) AS median_wall_s,
    wall.low AS median_wall_s_low,
    wall.high AS median_wall_s_high,
    list_median(cell.iterations_sample) AS median_iterations,
    iterations.low AS median_iterations_low,
    iterations.high AS median_iterations_high,
    CASE WHEN cell.successes > 0 THEN cell.total_usd / cell.successes END AS usd_per_success,
    cell.total_usd,
    cell.infra
FROM cell_samples AS cell
CROSS JOIN LATERAL (SELECT
    (cell.successes + 3.841458820694124 / 2)
        / (cell.attempts + 3.841458820694124) AS centre,
    1.959963984540054 / (cell.attempts + 3.841458820694124) * sqrt(
        cell.successes * (cell.attempts - cell.successes) / cell.attempts
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
    WHERE role IN ('solo', 'orchestrator')
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
