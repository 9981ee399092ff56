"""The seccomp profile as data: what it must never let through, and what it answers instead."""

import json
from collections import Counter
from importlib.resources import files
from typing import Any

import pytest

from runner.attack.probes_calls import CALLS

PROFILE: dict[str, Any] = json.loads(
    files("runner.sandbox").joinpath("seccomp.json").read_text("utf-8")
)
ALLOWING = [rule for rule in PROFILE["syscalls"] if rule["action"] == "SCMP_ACT_ALLOW"]
ALLOWED = {name for rule in ALLOWING for name in rule["names"]}
# By the issue: no io_uring, ptrace, process_vm_*, userfaultfd, unshare, keyctl, bpf.
NAMED = (
    "io_uring_setup io_uring_enter io_uring_register ptrace process_vm_readv process_vm_writev "
    "userfaultfd unshare keyctl add_key request_key bpf"
)
# Ways to other kernels' interfaces, old ABIs, shared memory and what only root would need.
FURTHER = (
    "clone3 ipc socketcall shmget shmat shmctl semget semop msgget msgsnd mq_open ioperm iopl "
    "modify_ldt uselib ustat sysfs _sysctl create_module get_kernel_syms query_module nfsservctl "
    "lookup_dcookie vhangup vserver migrate_pages move_pages mbind set_mempolicy fanotify_init "
    "fanotify_mark vmsplice io_setup io_submit pkey_alloc process_mrelease kexec_file_load "
    "adjtimex clock_settime stime swapoff"
)
NAMESPACES = {
    "mount": 0x00020000,
    "cgroup": 0x02000000,
    "uts": 0x04000000,
    "ipc": 0x08000000,
    "user": 0x10000000,
    "pid": 0x20000000,
    "net": 0x40000000,
}


def rules(name: str) -> list[dict[str, Any]]:
    return [rule for rule in PROFILE["syscalls"] if name in rule["names"]]


@pytest.mark.parametrize("name", sorted({*NAMED.split(), *FURTHER.split(), *CALLS}))
def test_a_forbidden_call_is_allowed_by_no_rule(name: str) -> None:
    assert name not in ALLOWED


def test_what_no_rule_names_is_refused() -> None:
    assert PROFILE["defaultAction"] == "SCMP_ACT_ERRNO"
    assert {rule["action"] for rule in PROFILE["syscalls"]} == {"SCMP_ACT_ALLOW", "SCMP_ACT_ERRNO"}


def test_clone3_is_said_not_to_exist() -> None:
    (rule,) = rules("clone3")
    assert (rule["action"], rule["errnoRet"]) == ("SCMP_ACT_ERRNO", 38)
    assert "args" not in rule


@pytest.mark.parametrize("kind", NAMESPACES)
def test_clone_makes_no_namespace(kind: str) -> None:
    (rule,) = rules("clone")
    (condition,) = rule["args"]
    assert (condition["index"], condition["op"]) == (0, "SCMP_CMP_MASKED_EQ")
    # `value` is the mask, `valueTwo` what must be left under it.
    assert condition["valueTwo"] == 0
    assert condition["value"] & NAMESPACES[kind]


def test_sockets_are_local_or_ip_only() -> None:
    conditions = [condition for rule in rules("socket") for condition in rule["args"]]
    assert {(each["index"], each["op"]) for each in conditions} == {(0, "SCMP_CMP_EQ")}
    assert {each["value"] for each in conditions} == {1, 2, 10}
    assert all(len(rule["args"]) == 1 for rule in rules("socket"))


def test_address_randomisation_stays_on() -> None:
    assert {rule["args"][0]["value"] for rule in rules("personality")} == {0, 0xFFFFFFFF}


def test_no_older_set_of_calls_comes_in_beside() -> None:
    assert all(each["subArchitectures"] == [] for each in PROFILE["archMap"])
    assert "architectures" not in PROFILE


def test_a_call_is_allowed_once_and_only_three_on_conditions() -> None:
    plain = Counter(name for rule in ALLOWING if "args" not in rule for name in rule["names"])
    assert [name for name, count in plain.items() if count > 1] == []
    conditional = {name for rule in ALLOWING if "args" in rule for name in rule["names"]}
    assert conditional == {"clone", "personality", "socket"}
    assert not conditional & set(plain)
