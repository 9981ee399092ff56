"""The flat file: one row a trial, in the columns of the paper's own `trials.csv`."""

from collections.abc import Sequence
from dataclasses import dataclass

from runner.cli.kinds import MARKS
from runner.cli.sql import as_csv
from runner.config.rates import RateCard
from runner.config.settings import Settings
from runner.ledger.duck import query

COLUMNS = (
    "arm", "task", "trial", "success", "blocked", "wall_sec", "iterations", "cost_usd",
    "opus_in", "opus_out", "opus_cache_w", "opus_cache_r",
    "haiku_in", "haiku_out", "haiku_cache_w", "haiku_cache_r",
    "qwen_present", "verify_exit",
)  # fmt: skip
FOREMOST = ("live", "imported", "replayed", "scripted")  # what tells most about models first
FAMILIES = ("claude-opus", "claude-haiku", "qwen")  # the models that have columns

TRIALS = """
    with used as (
        select trial_id, family,
               sum(input_tokens) as input, sum(output_tokens) as output,
               sum(cache_write_5m_tokens + cache_write_1h_tokens) as written,
               sum(cache_read_tokens) as read
        from (select *, case when starts_with(model, 'claude-opus') then 'opus'
                             when starts_with(model, 'claude-haiku') then 'haiku'
                             when starts_with(model, 'qwen') then 'qwen' end as family from calls)
        group by trial_id, family
    ),
    paid as (
        select trial_id, case when bool_and(usd is not null) then sum(usd) end as usd
        from costs where card = $card group by trial_id
    ),
    verified as (
        select trial_id, any_value(detail->>'exit_code') filter (name = 'verify_final') as said
        from checks group by trial_id
    )
    select arm, task, trial, success::int,
           coalesce((trials.detail->>'blocked')::boolean, status = 'blocked')::int,
           wall_s, iterations,
           case when paid.trial_id is null then 0.0 else paid.usd end,
           coalesce(opus.input, 0)::bigint, coalesce(opus.output, 0)::bigint,
           coalesce(opus.written, 0)::bigint, coalesce(opus.read, 0)::bigint,
           coalesce(haiku.input, 0)::bigint, coalesce(haiku.output, 0)::bigint,
           coalesce(haiku.written, 0)::bigint, coalesce(haiku.read, 0)::bigint,
           (qwen.trial_id is not null)::int,
           case when verified.trial_id is null then null
                when verified.said is null then (not success)::int
                else verified.said::int end
    from trials
    left join paid on paid.trial_id = trials.trial_id
    left join used as opus on opus.trial_id = trials.trial_id and opus.family = 'opus'
    left join used as haiku on haiku.trial_id = trials.trial_id and haiku.family = 'haiku'
    left join used as qwen on qwen.trial_id = trials.trial_id and qwen.family = 'qwen'
    left join verified on verified.trial_id = trials.trial_id
    where provider_kind = $kind
    order by manifest->>'$.source.file', (manifest->>'$.source.line')::int, started_at,
             trials.trial_id
"""

KINDS = "select provider_kind, count(*) from trials group by all order by all"

OTHERS = """
    select model, count(distinct calls.trial_id)
    from calls join trials on trials.trial_id = calls.trial_id
    where provider_kind = $kind
      and not list_bool_or(list_transform($families, lambda each: starts_with(model, each)))
    group by model order by model
"""


COST = COLUMNS.index("cost_usd")


@dataclass(frozen=True)
class Flat:
    """The file's text, what it holds, and what a reader must know besides."""

    text: str
    rows: int
    kind: str
    card: str
    notes: tuple[str, ...]


def flat_file(settings: Settings, card: RateCard, kind: str | None) -> Flat:
    """The trials of one kind, by default of the one that tells most about models.

    USD are by `card`, rounded to six places as the paper's are; empty where the card has no
    price. A simulated trial's arm says so, since no column can.
    """

    def ask(sql: str, **values: object) -> tuple[tuple[object, ...], ...]:
        return query(settings.database, sql, wait_s=settings.db_wait_s, parameters=values).rows

    there = {str(name): count for name, count in ask(KINDS)}
    chosen = kind or min(there, key=FOREMOST.index, default="live")
    rows = [flat_row(row, chosen) for row in ask(TRIALS, card=card.id, kind=chosen)]
    notes = [
        f"{count} {name} trials are not in it: --kind {name}"
        for name, count in there.items()
        if name != chosen
    ]
    unpriced = sum(row[COST] is None for row in rows)
    if unpriced:
        notes.append(f"{unpriced} rows have no cost_usd: {card.id} lacks a price of their models")
    for model, count in ask(OTHERS, kind=chosen, families=list(FAMILIES)):
        notes.append(f"{model} ({count} trials) has no columns of its own; cost_usd includes it")
    text = as_csv(COLUMNS, rows).replace("\n", "\r\n")  # the paper's line ends
    return Flat(text, len(rows), chosen, card.id, tuple(notes))


def flat_row(row: Sequence[object], kind: str) -> list[object]:
    """A row as the file has it: USD to six places, an arm that says when it was simulated."""
    usd = row[COST]
    rounded = round(usd, 6) if isinstance(usd, float) else None
    arm = f"{row[0]} ({MARKS[kind]})" if kind in MARKS else row[0]
    return [arm, *row[1:COST], rounded, *row[COST + 1 :]]
