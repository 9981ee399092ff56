"""A persona, its latency and its faults in one word, and the addresses made of it."""

import pytest

from runner.errors import UsageError
from runner.scripted.faults import KINDS, Fault, fault_for, parse_faults
from runner.scripted.personas import PERSONAS
from runner.scripted.spec import Address, Spec, parse_address, parse_spec


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "unknown persona ''; known: blunder, nop, oracle"),
        ("Oracle", "known: blunder, nop, oracle"),
        ("oracle?", None),
        ("oracle?latency", "latency ''"),
        ("oracle?latency=soon", "latency 'soon'"),
        ("oracle?latency=-1", "latency '-1'"),
        ("oracle?latency=nan", "latency 'nan'"),
        ("oracle?latency=3600", "0 to 60 seconds"),
        ("oracle?speed=2", "unknown option 'speed' in 'oracle?speed=2'; known: latency, fault"),
        ("oracle?fault=529", "KIND@N"),
        ("oracle?fault=", "KIND@N"),
        ("oracle?fault=529@0", "count from 1"),
        ("oracle?fault=529@5-3", "count from 1"),
        ("oracle?fault=530@1", "529"),
        ("oracle?fault=429:x@1", "KIND@N"),
        ("oracle?fault=say:xml@1", "one of xml-whole, "),
        ("oracle?fault=hang:json-cut@1", "KIND@N"),
    ],
)
def test_a_wrong_spec_says_what_is_allowed(text: str, says: str | None) -> None:
    if says is None:
        assert parse_spec(text, PERSONAS) == Spec("oracle")
        return
    with pytest.raises(UsageError) as caught:
        parse_spec(text, PERSONAS)
    assert says in str(caught.value)


def test_a_spec_is_read_whole() -> None:
    spec = parse_spec("blunder?latency=0.2&fault=529@3,429:2.5@4-6&fault=hang@*", PERSONAS)
    assert spec == Spec(
        "blunder", 0.2, (Fault("529", 3, 3), Fault("429", 4, 6, 2.5), Fault("hang"))
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_fault_can_be_asked_for(kind: str) -> None:
    assert parse_faults(f"{kind}@1") == (Fault(kind, 1, 1),)


def test_a_fault_may_name_a_case() -> None:
    assert parse_faults("say:json-cut@2") == (Fault("say", 2, 2, case="json-cut"),)
    assert parse_faults("say:json-cut@*") == (Fault("say", case="json-cut"),)


def test_the_first_fault_that_hits_is_played() -> None:
    faults = parse_faults("500@2,529@2-3,drop@5")
    played = [fault_for(faults, number) for number in range(1, 7)]
    assert [fault.kind if fault else None for fault in played] == [
        None,
        "500",
        "529",
        None,
        "drop",
        None,
    ]


@pytest.mark.parametrize("trial", ["", "r1-C-T3-0"])
def test_an_address_survives_its_path(trial: str) -> None:
    address = Address("oracle?latency=0.2&fault=529@3,a/b", "T 3", "solo", trial)
    assert "?" not in address.path
    assert parse_address(address.path) == address


@pytest.mark.parametrize("path", ["", "/", "/oracle", "/oracle/T3", "/a/b/c/d/e"])
def test_a_path_with_other_parts_is_no_address(path: str) -> None:
    assert parse_address(path) is None
