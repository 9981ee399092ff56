"""Which schedulers a driver talks to, and what it says when it cannot."""

import gc
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import dask.config
import pytest
from cluster_place import QUICK, Place, trip
from distributed import Client

from runner.cluster.connection import ClusterSettings, Connection, check_address
from runner.errors import EnvironmentProblem, UsageError
from runner.matrix.engine import Done

TLS = "DASK_DISTRIBUTED__COMM__TLS__"


@contextmanager
def environment(patch: pytest.MonkeyPatch, **variables: str) -> Iterator[None]:
    """Dask's own variables, as its commands would find them."""
    with patch.context() as inner:
        for name, value in variables.items():
            inner.setenv(name, value)
        dask.config.refresh()
        yield
    dask.config.refresh()


@pytest.mark.parametrize(
    "address", ["gpu1:8786", "tls://", "http://gpu1:8786", "gpu1", "ucx://gpu1:1", ""]
)
def test_an_address_of_another_form_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match=r"the form is tls://host:8786"):
        check_address(address)


def test_an_open_line_is_refused_unless_it_is_wished_for(monkeypatch: pytest.MonkeyPatch) -> None:
    for address in (
        "tls://gpu1:8786",
        "tcp://127.0.0.1:8786",
        "tcp://localhost:1",
        "tcp://[::1]:1",
    ):
        check_address(address)
    for address in ("tcp://gpu1:8786", "tcp://10.0.0.7:8786", "tcp://127.0.0.1.evil.example:1"):
        with pytest.raises(UsageError, match="not encrypted"):
            check_address(address)
    with environment(monkeypatch, DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION="false"):
        check_address("tcp://gpu1:8786")


def test_a_lease_that_outlives_its_worker_is_refused() -> None:
    with pytest.raises(UsageError, match="renew_s < lease_s < worker_ttl_s"):
        ClusterSettings(lease_s=60.0, worker_ttl_s=60.0)


def test_nobody_at_the_address_is_said(tmp_path: Path) -> None:
    nowhere = Place(tmp_path, address="tcp://127.0.0.1:9")
    soon = replace(QUICK, connect_s=0.5)
    with pytest.raises(EnvironmentProblem, match=r"no Dask scheduler answers at tcp://127"):
        trip(nowhere, tmp_path / "run", settings=soon).__enter__()


@pytest.mark.parametrize("scheme", ["tcp", "tls"])
def test_a_client_that_cannot_connect_is_closed_when_that_is_said(scheme: str) -> None:
    """Closed later, by the garbage collector, it could block the client that begins just then."""
    gc.collect()
    before = {id(each) for each in gc.get_objects() if isinstance(each, Client)}
    with pytest.raises(EnvironmentProblem) as told:
        Connection(f"{scheme}://127.0.0.1:9", "s", replace(QUICK, connect_s=0.5))
    made = [e for e in gc.get_objects() if isinstance(e, Client) and id(e) not in before]
    assert told.value.__traceback__ is not None  # what holds the client until now
    assert [each.status for each in made] == ["closed"]


def test_without_the_extra_the_command_that_installs_it_is_named() -> None:
    code = (
        "import sys; sys.modules['distributed'] = None\n"
        "from runner.cluster.extra import engine_class\n"
        "from runner.errors import EnvironmentProblem\n"
        "try: engine_class()\n"
        "except EnvironmentProblem as error: print(error)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip().endswith("pip install 'runner[cluster]'")


def test_under_tls_a_trial_comes_back_and_a_stranger_gets_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    request = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=cluster")
    options = ("-days", "2", "-keyout", str(key), "-out", str(certificate))
    subprocess.run([*request, *options], check=True, capture_output=True)
    own = (("--tls-ca-file", certificate), ("--tls-cert", certificate), ("--tls-key", key))
    place = Place(tmp_path, tls=tuple(str(part) for pair in own for part in pair))
    soon = replace(QUICK, connect_s=2.0)
    variables = {f"{TLS}CA_FILE": str(certificate)}
    variables |= {f"{TLS}CLIENT__CERT": str(certificate), f"{TLS}CLIENT__KEY": str(key)}
    try:
        place.start_scheduler()
        assert place.address.startswith("tls://")
        place.start_worker()
        with pytest.raises(EnvironmentProblem, match="TLS__CA_FILE"):
            trip(place, tmp_path / "a", settings=soon).__enter__()
        stranger = replace(place, address=place.address.replace("tls", "tcp"))
        with pytest.raises(EnvironmentProblem, match="no Dask scheduler answers"):
            trip(stranger, tmp_path / "b", settings=soon).__enter__()
        with (
            environment(monkeypatch, **variables),
            trip(place, tmp_path / "c") as journey,
        ):
            journey.gate.touch()
            journey.submit(0)
            assert isinstance(journey.outcomes(1)[0], Done)
    finally:
        place.end()
