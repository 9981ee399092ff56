"""What the report asks of the database, all of it before anything is reckoned."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from analysis.stats.samples import TrialRow, trial_rows
from runner.errors import UsageError
from runner.ledger.duck import query
from runner.types import JsonObject, ProviderKind

# What tells most about models first.
FOREMOST: tuple[ProviderKind, ...] = ("live", "imported", "replayed", "scripted")

KINDS = """
    select provider_kind, count(*) from trials where $run = '' or run_id = $run
    group by all
"""

TRIALS = """
    with priced as (
        select trial_id, card, sum(lost_usd) as lost_usd,
               case when bool_and(usd is not null) then sum(usd) end as usd
        from costs where card in ($card, $against) group by trial_id, card
    ),
    used as (
        select trial_id, case when bool_and(input_tokens is not null
                                            and coalesce(detail->>'uncounted', '') <> 'true')
            then sum(input_tokens + output_tokens + cache_write_5m_tokens
                     + cache_write_1h_tokens + cache_read_tokens) end as tokens
        from calls group by trial_id
    ),
    judged as (
        select trial_id, list(name order by name) filter (not passed) as failed
        from checks group by trial_id
    )
    select trials.trial_id, run_id, arm, task, trial, attempt, provider_kind, status, success,
           harness_green, iterations, wall_s, model_s, tool_s, judge_s, wait_s, started_at,
           reason, manifest, judged.failed,
           status = 'infra' or coalesce(trials.detail->>'limit', '') in ('arm', 'run') as void,
           case when used.trial_id is null then 0 else used.tokens end as tokens,
           case when main.trial_id is null then 0 else main.usd end as usd,
           case when other.trial_id is null then 0 else other.usd end as usd_against,
           coalesce(main.lost_usd, 0) as lost_usd
    from trials
    left join priced as main on main.trial_id = trials.trial_id and main.card = $card
    left join priced as other on other.trial_id = trials.trial_id and other.card = $against
    left join used on used.trial_id = trials.trial_id
    left join judged on judged.trial_id = trials.trial_id
    where list_contains($kinds, provider_kind) and ($run = '' or run_id = $run)
    order by task, arm, provider_kind, run_id, trial, attempt, trials.trial_id
"""

CALLS = """
    select calls.trial_id, seq, role, model, iteration as turn, input_tokens as input,
           cache_write_5m_tokens as "written 5 min", cache_write_1h_tokens as "written 1 h",
           cache_read_tokens as read, output_tokens as output, latency_s as seconds,
           stop_reason as stopped,
           coalesce(error, '') || case when lost then ' (may be billed: counted at its reserve)'
                                       else '' end as error
    from calls join trials on trials.trial_id = calls.trial_id
    where list_contains($kinds, provider_kind) and ($run = '' or run_id = $run)
    order by calls.trial_id, seq
"""

CHECKS = """
    select checks.trial_id, name, passed, checks.detail
    from checks join trials on trials.trial_id = checks.trial_id
    where list_contains($kinds, provider_kind) and ($run = '' or run_id = $run)
    order by checks.trial_id, checks.rowid
"""

RUNS = """
    select run_id, state, n, fixed, seed, jobs, budget_usd, sessions, started_at, reason
    from runs where list_contains($kinds, provider_kind) and ($run = '' or run_id = $run)
    order by started_at, run_id
"""

CARDS = "select card, as_of, source from rates where card in ($card, $against) group by all"

# A card lacks a model, or has a price for its time and that is not known.
UNPRICED = """
    select cards.card, usage.model, sum(usage.calls)::bigint, count(distinct usage.trial_id),
           string_agg(distinct arm || ' on ' || task, ', ' order by arm || ' on ' || task),
           rates.model is not null as untimed
    from usage join trials on trials.trial_id = usage.trial_id
    cross join (select unnest([$card, $against]) as card) as cards
    left join rates on rates.card = cards.card and rates.model = usage.model
    where usage.model <> ''
      and (rates.model is null or (rates.gpu_hour > 0 and usage.seconds is null)
           or (rates.kwh > 0 and usage.unmetered_s is null))
      and list_contains($kinds, provider_kind) and ($run = '' or run_id = $run)
    group by cards.card, usage.model, untimed order by cards.card, usage.model
"""

Row = Mapping[str, object]


@dataclass(frozen=True)
class Question:
    """Which trials of which database, and by which rate cards. `run` is '' for all runs."""

    database: Path
    kinds: tuple[ProviderKind, ...]
    card: str
    against: str
    run: str = ""
    wait_s: float = 30.0


@dataclass(frozen=True)
class Trial:
    """One trial: what statistics read of it (`row`), and the rest of what is on record."""

    row: TrialRow
    facts: Row
    manifest: JsonObject
    usd_against: float | None
    calls: tuple[Row, ...] = ()
    checks: tuple[Row, ...] = ()


@dataclass(frozen=True)
class Record:
    """Everything the report is made from.

    `left_out` counts trials of kinds that were not asked for; `unpriced` says which calls a
    card can't price, and why.
    """

    question: Question
    trials: tuple[Trial, ...] = ()
    runs: tuple[Row, ...] = ()
    cards: tuple[Row, ...] = ()
    unpriced: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)


def kinds_there(database: Path, run: str = "", wait_s: float = 30.0) -> Mapping[str, int]:
    """How many trials of each kind there are; none when there is no database."""
    if not database.exists():
        return {}
    rows = query(database, KINDS, wait_s=wait_s, parameters={"run": run}).rows
    return {str(kind): int(str(count)) for kind, count in rows}


def chosen_kinds(there: Mapping[str, int], wanted: Sequence[str] = ()) -> tuple[ProviderKind, ...]:
    """The kinds asked for, or the one that tells most about models; never a mixture unasked.

    Raises:
        UsageError: a kind that does not exist.
    """
    for kind in wanted:
        if kind not in FOREMOST:
            raise UsageError(f"unknown kind '{kind}'; there are: {', '.join(FOREMOST)}")
    if wanted:
        return tuple(kind for kind in FOREMOST if kind in wanted)
    return next(((kind,) for kind in FOREMOST if kind in there), ("live",))


def read_record(question: Question) -> Record:
    """Everything about the trials asked for; an empty record where there is no database."""
    if not question.database.exists():
        return Record(question)
    there = kinds_there(question.database, question.run, question.wait_s)
    trials = _ask(question, TRIALS, cards=True)
    calls, checks = (_by_trial(_ask(question, sql)) for sql in (CALLS, CHECKS))
    return Record(
        question,
        tuple(_trial(facts, calls, checks) for facts in trials),
        runs=_ask(question, RUNS),
        cards=_ask(question, CARDS, cards=True, trials=False),
        unpriced=unpriced(question),
        left_out={kind: n for kind, n in there.items() if kind not in question.kinds},
    )


def unpriced(question: Question) -> tuple[str, ...]:
    """Which calls a card can't price, a sentence a card and model."""
    return tuple(_no_price(*row.values()) for row in _ask(question, UNPRICED, cards=True))


def _no_price(
    card: object, model: object, calls: object, trials: object, cells: object, untimed: object
) -> str:
    why = f"{card} has none for {model}"
    if untimed:
        why = f"{card} prices {model} by its time, which is not on record"
    return (
        f"no price: {why} ({calls} calls in {trials} trials: {cells}); their cells show no USD "
        "rather than too little"
    )


def _ask(
    question: Question, sql: str, *, cards: bool = False, trials: bool = True
) -> tuple[Row, ...]:
    values: dict[str, object] = {}
    if trials:
        values |= {"kinds": list(question.kinds), "run": question.run}
    if cards:
        values |= {"card": question.card, "against": question.against}
    found = query(question.database, sql, wait_s=question.wait_s, parameters=values)
    return tuple(dict(zip(found.columns, row, strict=True)) for row in found.rows)


def _by_trial(rows: Sequence[Row]) -> Mapping[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        rest = {name: value for name, value in row.items() if name != "trial_id"}
        found.setdefault(str(row["trial_id"]), []).append(rest)
    return found


def _trial(
    facts: Row, calls: Mapping[str, Sequence[Row]], checks: Mapping[str, Sequence[Row]]
) -> Trial:
    (row,) = trial_rows([facts])
    name = row.trial_id
    return Trial(
        row,
        {key: value for key, value in facts.items() if key != "manifest"},
        parsed(facts["manifest"]),
        cast("float | None", facts["usd_against"]),
        tuple(calls.get(name, ())),
        tuple(checks.get(name, ())),
    )


def parsed(text: object) -> JsonObject:
    """A JSON object of the database; empty for what is none."""
    try:
        value = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {}
