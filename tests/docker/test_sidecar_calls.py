"""Calls to a local model in its container: real engine, real client, and the stand-in at fault."""

import time
from collections.abc import Iterator

import pytest
from doc_pages import ALL, table
from malformed_ends import how_it_ends
from sidecars import MODEL, played, standin, state_of

from runner.errors import EnvironmentProblem, ModelFailure
from runner.models.ollama_store import await_server, load_model, pull_model
from runner.sandbox.engine import Engine
from runner.scripted.malformed import CASES
from runner.sidecar.container import Sidecar
from runner.types import UserText

pytestmark = pytest.mark.docker

GO = [UserText("go")]
ROWS = {row[0]: row[2] for row in table(ALL["docs/ollama.md"], "Malformed replies", "case")}


@pytest.fixture(scope="module")
def there(engine: Engine) -> Iterator[Sidecar]:
    """One without faults of its own, with its model."""
    with standin(engine) as sidecar:
        pull_model(sidecar.host, MODEL, lambda progress: None)
        yield sidecar


@pytest.mark.parametrize("case", CASES)
def test_a_malformed_reply_ends_as_the_table_says(there: Sidecar, case: str) -> None:
    with played(there, f"nop?fault=say:{case}@*", wait=lambda seconds: False) as model:
        assert how_it_ends(model) == ROWS[case]


def test_no_memory_for_the_model_is_told_before_a_trial_begins(engine: Engine) -> None:
    with standin(engine, "oom@*") as there:
        pull_model(there.host, MODEL, lambda progress: None)
        with pytest.raises(EnvironmentProblem, match=r"context of 8192 tokens.*smaller num_ctx"):
            load_model(there.host, MODEL, {"num_ctx": 8192}, None)


def test_no_memory_in_a_call_is_a_failure_after_three_attempts(there: Sidecar) -> None:
    with (
        played(there, "nop?fault=oom@*", deadline_s=20.0) as model,
        pytest.raises(ModelFailure, match="more system memory") as caught,
    ):
        model.reply("", GO, ())
    assert caught.value.detail["attempts"] == 3
    assert not caught.value.lost


def test_a_hung_reply_is_aborted_at_its_deadline_and_the_next_is_served(there: Sidecar) -> None:
    with played(there, "nop?fault=hang@1", deadline_s=1.0) as model:
        began = time.monotonic()
        with pytest.raises(ModelFailure, match="was silent"):
            model.reply("", GO, ())
        assert 1.0 <= time.monotonic() - began < 2.0
        assert model.reply("", GO, ()).text == "DONE"


def test_a_crash_in_mid_reply_loses_the_reply_and_the_next_is_served(
    engine: Engine, there: Sidecar
) -> None:
    before = state_of(engine, there.name)["State"]["StartedAt"]
    with played(there, "nop?fault=crash@1") as model:
        with pytest.raises(ModelFailure) as caught:
            model.reply("", GO, ())
        assert caught.value.lost
        await_server(there.host)
        assert model.reply("", GO, ()).text == "DONE"
    assert state_of(engine, there.name)["State"]["StartedAt"] != before


def test_a_prompt_that_is_cut_without_a_word_is_an_error(there: Sidecar) -> None:
    with played(there, "nop?fault=cut@2") as model:
        first = model.reply("You mend code.", GO, ())
        assert first.usage.input_tokens > 0
        with pytest.raises(ModelFailure) as caught:
            model.reply("You mend code.", [*GO, first, UserText("go on")], ())
    assert caught.value.kind == "truncated"


def test_what_a_call_took_and_the_context_it_had_are_on_record(there: Sidecar) -> None:
    with played(there, "nop?latency=0.1") as model:
        detail = model.reply("", GO, ()).detail
    assert detail["context_loaded"] == 8192
    assert detail["gpu_share"] == 0.0
    assert detail["prompt_eval_s"] + detail["eval_s"] == pytest.approx(0.1)
    assert detail["load_s"] == 0.0
    assert detail["tokens_per_s"] > 0
