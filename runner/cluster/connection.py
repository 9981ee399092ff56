"""Dask's client at its edge: how the driver reaches a scheduler, its errors in our words."""

import ipaddress
import logging
import ssl
import time
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import dask.config
from distributed import Client, Future, KilledWorker
from distributed.scheduler import NoValidWorkerError, NoWorkerError

from runner.cluster.claims import NAME, Claims
from runner.errors import EnvironmentProblem, RunnerError, UsageError
from runner.ledger.codec import CodecError
from runner.matrix.engine import Capacity

_POLL_S = 0.1


@dataclass(frozen=True)
class ClusterSettings:
    """Seconds. A lease must run out before the scheduler takes a silent worker for dead."""

    renew_s: float = 15.0  # how often a worker asks whether its trials may go on
    lease_s: float = 45.0  # without an answer for so long, they stop
    worker_ttl_s: float = 60.0  # a worker silent for so long is dead
    no_workers_s: float = 600.0  # how long to wait while there is no worker at all
    deadline_s: float = 14_400.0  # an attempt that is not back by then is lost
    watch_s: float = 1.0  # how often what happens in a trial is sent for the eye
    connect_s: float = 30.0
    answer_s: float = 30.0  # for one question to the scheduler

    def __post_init__(self) -> None:
        if not self.renew_s < self.lease_s < self.worker_ttl_s:
            raise UsageError("cluster: renew_s < lease_s < worker_ttl_s must hold")


class NotBack(RunnerError):
    """An attempt's result cannot be had; `problem` is set when none of the others' can either."""

    def __init__(self, message: str, problem: EnvironmentProblem | None = None) -> None:
        super().__init__(message)
        self.problem = problem


class Connection:
    """One driver's line to the scheduler. `session` is its name there."""

    def __init__(self, address: str, session: str, settings: ClusterSettings) -> None:
        """Connect and begin a session.

        Raises:
            UsageError: the address is none, or would send code and results in the clear.
            EnvironmentProblem: no scheduler answers there, or it lacks this package.
        """
        check_address(address)
        self.address = address
        self.session = session
        self._settings = settings
        self.client = _connect(address, settings.connect_s)
        try:
            self.client.register_plugin(Claims(), name=NAME)
            opened = self.ask(
                "open",
                client=self.client.id,
                worker_ttl_s=settings.worker_ttl_s,
                no_workers_s=settings.no_workers_s,
            )
            if not isinstance(opened, dict):
                raise ImportError("its plugin is of another version")
        except (ImportError, AttributeError) as error:
            self.client.close()
            raise EnvironmentProblem(
                f"the scheduler at {address} cannot load the runner ({error}): install the same "
                "version there with pip install 'runner[cluster]' and start it again"
            ) from error
        except BaseException:
            self.client.close()
            raise

    @property
    def up(self) -> bool:
        """Whether the line stands; once it broke, all claims are gone."""
        return self.client.status == "running"

    def ask(self, what: str, **said: object) -> Any:
        """Ask the scheduler's claims; raises `OSError` when there is no answer."""
        if not self.up:
            raise OSError(f"the connection to {self.address} is {self.client.status}")
        call = getattr(self.client.scheduler, f"runner_{what}")
        said = said if what == "capacity" else {"session": self.session, **said}
        return self.client.sync(call, callback_timeout=self._settings.answer_s, **said)

    def fetch(self, future: "Future[bytes] | None", timeout_s: float) -> bytes:
        """The result of a future that is done, in one try.

        Raises:
            NotBack: the worker or the scheduler is gone, or nobody could run it.
        """
        try:
            if future is None:
                raise OSError("it was never handed out")
            return future.result(timeout=timeout_s)
        except KilledWorker as error:
            raise NotBack(f"the worker at {error.last_worker.address} died") from error
        except (NoWorkerError, NoValidWorkerError):
            problem = EnvironmentProblem(no_workers(self.address, self._settings))
        except (ImportError, AttributeError, CodecError) as error:
            problem = EnvironmentProblem(f"a worker has another runner, or none: {error}")
        except (CancelledError, OSError, TimeoutError) as error:
            if self.up and future and future.status != "cancelled":
                raise NotBack(f"its worker was lost: {error or type(error).__name__}") from error
            problem = EnvironmentProblem(scheduler_gone(self.address))
        raise NotBack(str(problem), problem)

    def capacity(self) -> Capacity:
        """Places on the workers that are there; raises `OSError`."""
        said = self.ask("capacity")
        return Capacity(said["trials"], said["gpus"])

    def await_workers(self) -> Capacity:
        """Wait until a worker offers a place.

        Raises:
            EnvironmentProblem: none does within `no_workers_s`, or the scheduler is gone.
        """
        deadline = time.monotonic() + self._settings.no_workers_s
        try:
            while not (found := self.capacity()).trials:
                if time.monotonic() > deadline:
                    raise EnvironmentProblem(no_workers(self.address, self._settings))
                time.sleep(_POLL_S)
        except OSError as error:
            raise EnvironmentProblem(scheduler_gone(self.address)) from error
        return found


def check_address(address: str) -> None:
    """Refuse an address of the wrong form, and one that would not be encrypted.

    Whoever reaches a scheduler without TLS can run code on all its workers, where the keys
    are. On loopback that is the machine's own business; elsewhere it must be wished for.

    Raises:
        UsageError: with the reason.
    """
    parts = urlsplit(address)
    if parts.scheme not in ("tcp", "tls") or not parts.hostname:
        raise UsageError(
            f"--cluster {address}: the form is tls://host:8786 (or tcp:// on loopback)"
        )
    wished = dask.config.get("distributed.comm.require-encryption", None) is False
    if parts.scheme == "tcp" and not _loopback(parts.hostname) and not wished:
        raise UsageError(
            f"--cluster {address}: tcp:// is not encrypted, and whoever reaches the scheduler can "
            "run code where the keys are: use tls:// (docs/scaling.md shows how), or, in a network "
            "of your own, set DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION=false"
        )


def no_workers(address: str, settings: ClusterSettings) -> str:
    """What to tell a person when nobody offers a place."""
    return (
        f"no worker of {address} has offered a place for {settings.no_workers_s:g} s: start some "
        f"with: dask worker {address} --nthreads 8 --resources 'trial=8 judge=2'"
    )


def scheduler_gone(address: str) -> str:
    """What to tell a person when the scheduler is lost in mid-run."""
    return (
        f"the scheduler at {address} is gone, and with it the record of who runs what: start it "
        "and its workers again, then run the same command"
    )


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Closing(Client):
    """A client that is closed at once when it cannot connect.

    Left to the garbage collector, it may be closed while the next one begins in the same thread;
    both take one lock of Dask's (distributed 2026.8.0, `LoopRunner`), and neither goes on.
    """

    def __init__(self, address: str, timeout_s: float) -> None:
        try:
            super().__init__(  # type: ignore[no-untyped-call]
                address, timeout=timeout_s, set_as_default=False, name="runner"
            )
        except BaseException:
            with suppress(Exception):
                self.close(timeout=timeout_s)  # type: ignore[no-untyped-call]
            raise


def _connect(address: str, timeout_s: float) -> "Client":
    for name in ("distributed", "distributed.client"):  # what matters becomes our own errors
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        return _Closing(address, timeout_s)
    except (TypeError, RuntimeError, ssl.SSLError) as error:  # no or wrong certificates
        raise EnvironmentProblem(
            f"cannot connect to {address}: {error}: the driver needs "
            "DASK_DISTRIBUTED__COMM__TLS__CA_FILE, ..__CLIENT__CERT and ..__CLIENT__KEY"
        ) from error
    except (OSError, TimeoutError) as error:
        raise EnvironmentProblem(
            f"no Dask scheduler answers at {address}: start one with: dask scheduler "
            "(docs/scaling.md), or check the address and its certificates"
        ) from error
