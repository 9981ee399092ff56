"""Many workers against one budget, and a vendor that keeps its own books."""

import http.client
import json
import threading
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from figures import Figure
from run_record import ended, events_of, faults_in, record_of
from warm import Warm

from runner.catalogue import load_catalogue
from runner.config.rates import RateCard
from runner.config.settings import Settings
from runner.config.tasks import load_tasks
from runner.events import CallReserved, CallSettled, Event
from runner.scripted.server import ScriptedServer
from runner.types import Usage

MODEL = "claude-haiku-4-5-20251001"  # arm D's
LOSES_EVERY = 7  # replies that are billed and never arrive


def money(code: Path, scratch: Path, workers: int, budget_usd: float, n: int) -> list[Figure]:
    """Let `workers` spend until the budget is reached; compare the books."""
    settings = Settings()
    card = load_catalogue(settings).cards[settings.card]
    solutions = {task.id: task.solution for task in load_tasks(code / "tests/soak/tasks").values()}
    with (
        ScriptedServer(solutions) as scripted,
        Vendor(f"{scripted.url}/oracle/S1/solo", card) as vendor,
        Warm(docker=False, code=code) as warm,
    ):
        command = warm.run(
            scratch,
            *("matrix", "-n", str(n), "--fixed", "--arms", "D", "--tasks", "S1"),
            *("--jobs", str(workers), "--budget", str(budget_usd), "--models", "live"),
            ANTHROPIC_API_KEY="sk-ant-stand-in-000000000000",
            ANTHROPIC_BASE_URL=vendor.url,
        )
    events, spent = events_of(scratch), sum(record_of(scratch).spent_usd.values())
    note = (
        f"{workers} workers, {vendor.calls} calls billed ${vendor.billed_usd:.4f}, "
        f"{vendor.lost} replies lost; ledger ${spent:.4f} of ${budget_usd:g}; "
        f"{len(ended(scratch))} trials, exit {command.code}"
    )
    return [
        Figure("true spend above the limit", vendor.billed_usd - budget_usd, "USD", 0.0, note),
        Figure("ledger above the limit", spent - budget_usd, "USD", 1e-9),
        Figure("ledger below true spend", vendor.billed_usd - spent, "USD", 1e-9),
        Figure("spent and reserved, at most", most_usd(events, card), "USD", budget_usd + 1e-6),
        Figure("results or ids twice", len(faults_in(events)), "", 0),
        Figure("exit code is not 4", command.code != 4, "", 0),
    ]


def most_usd(events: Sequence[Event], card: RateCard) -> float:
    """The most that was ever spent and reserved together, as the journal tells it."""
    open_usd: dict[tuple[str, int], float] = {}
    settled = most = 0.0
    for event in events:
        if isinstance(event, CallReserved):
            open_usd[event.trial_id, event.seq] = event.usd
        elif isinstance(event, CallSettled) and not event.lost:
            del open_usd[event.trial_id, event.seq]
            settled += card.usd(event.model, event.usage)
        most = max(most, settled + sum(open_usd.values()))
    return most


class Vendor:
    """Passes calls on to `address`, bills every reply, and loses some; a context manager."""

    def __init__(self, address: str, card: RateCard) -> None:
        self.billed_usd, self.calls, self.lost = 0.0, 0, 0
        self._lock, self._card = threading.Lock(), card
        target, vendor = urlsplit(address), self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, format: str, *args: object) -> None:
                pass

            def do_GET(self) -> None:
                self.do_POST()

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                onward = http.client.HTTPConnection(str(target.hostname), target.port)
                headers = {k: v for k, v in self.headers.items() if k.lower() != "host"}
                onward.request(self.command, target.path + self.path, body, headers)
                answer = onward.getresponse()
                data = answer.read()
                onward.close()
                if self.command == "POST" and answer.status == 200 and vendor.bill(data):
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def bill(self, reply: bytes) -> bool:
        """Put a reply on the bill; whether it gets lost on its way."""
        said = json.loads(reply)["usage"]
        usage = Usage(
            input_tokens=said["input_tokens"],
            output_tokens=said["output_tokens"],
            cache_write_5m_tokens=said.get("cache_creation_input_tokens") or 0,
            cache_read_tokens=said.get("cache_read_input_tokens") or 0,
        )
        with self._lock:
            self.calls += 1
            self.billed_usd += self._card.usd(MODEL, usage)
            loses = self.calls % LOSES_EVERY == 0
            self.lost += loses
        return loses

    def __enter__(self) -> "Vendor":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
