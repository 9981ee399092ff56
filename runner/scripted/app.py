"""The stand-in's answers, apart from sockets: a request in, an HTTP answer out."""

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import get_args

from runner.errors import UsageError
from runner.scripted import chat_api, messages_api, messages_rules
from runner.scripted.cache import PromptCache
from runner.scripted.cheats import PREFIX, cheat
from runner.scripted.faults import Fault, Faults, fault_for
from runner.scripted.personas import Persona
from runner.scripted.replies import BadRequest, HttpAnswer, HttpStream, JsonDict, as_dict
from runner.scripted.script import Script
from runner.scripted.shelf import Shelf
from runner.scripted.solutions import Solutions
from runner.scripted.spec import Address, Spec, parse_address, parse_spec
from runner.types import Role

MESSAGES = "/v1/messages"
MODELS = "/v1/models"
CHAT = "/api/chat"
PULL = "/api/pull"
SOLUTIONS = "/scripted/solutions"  # ours: what a stand-in elsewhere is told of a task
_OLLAMA = (CHAT, PULL, "/api/show", "/api/tags", "/api/ps", "/api/version")
_ENDPOINTS = (MESSAGES, MODELS, *_OLLAMA, SOLUTIONS)


@dataclass(frozen=True)
class Request:
    """One request: `endpoint` is the protocol's path, `prefix` what comes before it."""

    method: str
    prefix: str
    endpoint: str
    headers: Mapping[str, str]  # names in lower case
    number: int  # of the model calls under this prefix, from 1

    @property
    def is_call(self) -> bool:
        """Whether it asks a model for a reply."""
        return self.method == "POST" and self.endpoint in (MESSAGES, CHAT)


@dataclass(frozen=True)
class Prepared:
    """An answer ready to be sent; `begin` is called when its sending begins."""

    answer: HttpAnswer | HttpStream
    begin: Callable[[], None] = lambda: None


def split_path(path: str) -> tuple[str, str]:
    """The prefix and the protocol's own path; the latter is `/` when it is none we know."""
    path = path.partition("?")[0]
    for endpoint in _ENDPOINTS:
        if path.endswith(endpoint):
            return path[: -len(endpoint)], endpoint
    return path.rstrip("/"), "/"


class App:
    """Answers requests; holds the prompt cache, the calls' numbers and Ollama's loaded models."""

    def __init__(
        self,
        solutions: Solutions,
        personas: Mapping[str, Persona],
        *,
        cache: PromptCache | None = None,
        api_key: str | None = None,
        shelf: Shelf | None = None,
        faults: Faults = (),
        numbers: dict[str, int] | None = None,
    ) -> None:
        """Begin to answer.

        Args:
            solutions: each task's reference solution, by what an address calls the task.
            personas: the scripts by name.
            cache: the prompt cache of the Messages API.
            api_key: the only key it takes; None takes any.
            shelf: the models on Ollama's disk; None has every model there is.
            faults: for calls whose address names no script.
            numbers: where the calls under each prefix are counted.
        """
        self._solutions = solutions
        self._personas = personas
        self._cache = cache or PromptCache()
        self._api_key = api_key
        self._shelf = shelf
        self._faults = faults
        self._lock = threading.Lock()
        self._numbers = {} if numbers is None else numbers
        self._loaded: dict[str, dict[str, int]] = {}  # context by model, by prefix

    def next_number(self, prefix: str) -> int:
        """Count one more model call under `prefix`."""
        with self._lock:
            self._numbers[prefix] = self._numbers.get(prefix, 0) + 1
            return self._numbers[prefix]

    def spec_for(self, prefix: str) -> Spec | None:
        """The persona and its options a prefix names; None when it names none we know."""
        address = parse_address(prefix)
        try:
            return parse_spec(address.spec, self._personas) if address else None
        except UsageError:
            return None

    def fault(self, request: Request) -> Fault | None:
        """The fault to be played for a request, if any."""
        spec = self.spec_for(request.prefix)
        faults = spec.faults if spec else self._faults
        return fault_for(faults, request.number) if request.is_call else None

    def prepare(self, request: Request, body: bytes, latency_s: float) -> Prepared:
        """The answer to a request; costs are those of its arrival."""
        fault = self.fault(request)
        try:
            if request.endpoint == MESSAGES and request.method == "POST":
                return self._messages(request, _json(body), fault)
            if request.endpoint == MODELS and request.method == "GET":
                messages_rules.check_headers(request.headers, self._api_key)
                return Prepared(messages_api.no_models())
            if request.endpoint == CHAT and request.method == "POST":
                return self._chat(request, _json(body), fault, latency_s)
            if request.endpoint == SOLUTIONS and request.method == "POST":
                self._solutions.learn(_json(body))
                return Prepared(HttpAnswer(200, {}))
            return Prepared(self._ollama_extra(request, body))
        except BadRequest as refusal:
            if request.endpoint in (MESSAGES, MODELS):
                request_id = _request_id(request)
                text = str(refusal)
                return Prepared(messages_api.error(refusal.status, refusal.kind, text, request_id))
            return Prepared(chat_api.error(refusal.status, str(refusal)))

    def _messages(self, request: Request, body: JsonDict, fault: Fault | None) -> Prepared:
        request_id = _request_id(request)
        messages_rules.check_headers(request.headers, self._api_key)
        if fault and (ready := messages_api.fault_answer(fault.kind, fault.value, request_id)):
            return Prepared(ready)
        messages_rules.check_body(body, request.headers["anthropic-version"])
        script = self._script(request.prefix)
        dialogue = messages_api.dialogue_of(body)
        model = str(body["model"])
        done = self._cache.look_up(model, messages_api.prompt_blocks(body))
        answer = messages_api.answer(script(dialogue), body, dialogue.turn, done.usage, request_id)
        if fault and fault.kind.startswith("usage-"):
            spoilt = messages_api.spoil_usage(as_dict(answer.body, "reply"), fault.kind)
            answer = HttpAnswer(200, spoilt, answer.headers)
        return Prepared(answer, lambda: self._cache.answered(model, done))

    def _chat(
        self, request: Request, body: JsonDict, fault: Fault | None, latency_s: float
    ) -> Prepared:
        if fault and (ready := chat_api.fault_answer(fault.kind, fault.value)):
            return Prepared(ready)
        chat_api.check_body(body)
        self._load(request.prefix, body)
        if not body["messages"]:
            return Prepared(chat_api.loaded(body))
        script = self._script(request.prefix)
        answer = chat_api.answer(script(chat_api.dialogue_of(body)), body, latency_s)
        return Prepared(chat_api.spoilt(answer, fault) if fault else answer)

    def _load(self, prefix: str, body: JsonDict) -> None:
        """Have a model in memory, with the context asked for; each prefix has its own memory."""
        model = str(body["model"])
        if self._shelf and model not in self._shelf.models:
            raise BadRequest(f"model '{model}' not found", 404)
        asked = as_dict(body.get("options") or {}, "options").get("num_ctx")
        with self._lock:
            memory = self._loaded.setdefault(prefix, {})
            memory[model] = asked if isinstance(asked, int) else chat_api.DEFAULT_CONTEXT

    def _ollama_extra(self, request: Request, body: bytes) -> HttpAnswer | HttpStream:
        with self._lock:
            loaded = dict(self._loaded.get(request.prefix, {}))
        match request.method, request.endpoint:
            case "GET", "/api/version":
                return HttpAnswer(200, {"version": chat_api.VERSION})
            case "GET", "/api/tags":
                held = self._shelf.models if self._shelf else tuple(loaded)
                return HttpAnswer(200, {"models": [self._tag(model) for model in held]})
            case "GET", "/api/ps":
                models = [chat_api.running(self._tag(name), size) for name, size in loaded.items()]
                return HttpAnswer(200, {"models": models})
            case "POST", "/api/show":
                return HttpAnswer(200, chat_api.show(str(_json(body).get("model", ""))))
            case "POST", "/api/pull" if self._shelf:
                return HttpStream(self._shelf.pull(str(_json(body).get("model", ""))))
            case (("GET" | "HEAD"), "/"):
                return HttpAnswer(200, "Ollama is running")
        raise BadRequest(
            f"{request.method} {request.endpoint} is not served", 404, "not_found_error"
        )

    def _tag(self, model: str) -> JsonDict:
        shelf = self._shelf or Shelf()
        return chat_api.tag(model, shelf.digest(model), shelf.size(model))

    def _script(self, prefix: str) -> Script:
        """The script an endpoint plays; raises `BadRequest` (404) saying what is unknown."""
        address = parse_address(prefix)
        if address is None:
            raise BadRequest(f"no script at '{prefix}'", 404, "not_found_error")
        try:
            spec = parse_spec(address.spec, self._personas)
        except UsageError as error:
            raise BadRequest(str(error), 404, "not_found_error") from None
        solution = self._solutions.find(address.task)
        if solution is None:
            raise BadRequest(f"no script for task '{address.task}'", 404, "not_found_error")
        if spec.persona.startswith(PREFIX):
            # Elsewhere a task's name ends with a digest of its solution.
            task = address.task.partition("-")[0]
            return cheat(spec.persona.removeprefix(PREFIX), task, solution)
        return self._personas[spec.persona](_role(address), solution)


def _role(address: Address) -> Role:
    for role in get_args(Role):
        if address.role == role:
            return role  # type: ignore[no-any-return]
    raise BadRequest(f"no script for role '{address.role}'", 404, "not_found_error")


def _request_id(request: Request) -> str:
    """The same for the same call of the same endpoint, so that records can be compared."""
    whose = hashlib.sha256(request.prefix.encode()).hexdigest()[:16]
    return f"req_scripted_{whose}_{request.number}"


def _json(body: bytes) -> JsonDict:
    try:
        return as_dict(json.loads(body), "body")
    except (ValueError, RecursionError):
        raise BadRequest("The request body is not valid JSON") from None
