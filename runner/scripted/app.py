"""The stand-in's answers, apart from sockets: a request in, an HTTP answer out."""

import hashlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import get_args

from runner.config.solution import Solution
from runner.errors import UsageError
from runner.scripted import chat_api, messages_api, messages_rules
from runner.scripted.cache import PromptCache
from runner.scripted.faults import Fault, fault_for
from runner.scripted.personas import Persona
from runner.scripted.replies import BadRequest, HttpAnswer, JsonDict, as_dict
from runner.scripted.script import Script
from runner.scripted.spec import Address, Spec, parse_address, parse_spec
from runner.types import Role

MESSAGES = "/v1/messages"
MODELS = "/v1/models"
CHAT = "/api/chat"
_ENDPOINTS = (MESSAGES, MODELS, CHAT, "/api/show", "/api/tags", "/api/ps", "/api/version")


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

    answer: HttpAnswer
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
        solutions: Mapping[str, Solution],
        personas: Mapping[str, Persona],
        cache: PromptCache,
        api_key: str | None,
    ) -> None:
        self._solutions = solutions
        self._personas = personas
        self._cache = cache
        self._api_key = api_key
        self._lock = threading.Lock()
        self._numbers: dict[str, int] = {}
        self._loaded: dict[str, int] = {}

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
        return fault_for(spec.faults, request.number) if spec and request.is_call else None

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
        script = self._script(request.prefix)
        options = as_dict(body.get("options") or {}, "options")
        asked = options.get("num_ctx")
        with self._lock:
            self._loaded[str(body["model"])] = (
                asked if isinstance(asked, int) else chat_api.DEFAULT_CONTEXT
            )
        answer = chat_api.answer(script(chat_api.dialogue_of(body)), body, latency_s)
        if fault and fault.kind.startswith("usage-"):
            answer = HttpAnswer(
                200, chat_api.spoil_usage(as_dict(answer.body, "reply"), fault.kind)
            )
        return Prepared(answer)

    def _ollama_extra(self, request: Request, body: bytes) -> HttpAnswer:
        with self._lock:
            loaded = dict(self._loaded)
        match request.method, request.endpoint:
            case "GET", "/api/version":
                return HttpAnswer(200, {"version": chat_api.VERSION})
            case "GET", "/api/tags":
                return HttpAnswer(200, {"models": [chat_api.tag(model) for model in loaded]})
            case "GET", "/api/ps":
                models = [chat_api.running(model, size) for model, size in loaded.items()]
                return HttpAnswer(200, {"models": models})
            case "POST", "/api/show":
                return HttpAnswer(200, chat_api.show(str(_json(body).get("model", ""))))
            case (("GET" | "HEAD"), "/"):
                return HttpAnswer(200, "Ollama is running")
        raise BadRequest(
            f"{request.method} {request.endpoint} is not served", 404, "not_found_error"
        )

    def _script(self, prefix: str) -> Script:
        """The script an endpoint plays; raises `BadRequest` (404) saying what is unknown."""
        address = parse_address(prefix)
        if address is None:
            raise BadRequest(f"no script at '{prefix}'", 404, "not_found_error")
        try:
            spec = parse_spec(address.spec, self._personas)
        except UsageError as error:
            raise BadRequest(str(error), 404, "not_found_error") from None
        if address.task not in self._solutions:
            raise BadRequest(f"no script for task '{address.task}'", 404, "not_found_error")
        role = _role(address)
        return self._personas[spec.persona](role, self._solutions[address.task])


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
