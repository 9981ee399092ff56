"""The models a stand-in for Ollama has on its disk, and how they get there.

A pull downloads three made-up layers. What has come of a layer is kept, so that a pull that
broke goes on where it stopped, after a restart too. Nothing but sizes is stored.
"""

import hashlib
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from runner.scripted.faults import Fault, fault_for
from runner.scripted.replies import HangUp, JsonDict

_LAYERS = (("model", 6_594_000_000), ("template", 1_400), ("parameters", 66))
_PIECES = 10  # of a layer, as the progress reports them
_STATE = "models.json"
_ERRORS = {
    "pull-missing": "pull model manifest: file does not exist",
    "pull-full": "write /root/.ollama/models/blobs: no space left on device",
    "pull-error": "max retries exceeded: EOF",
}


@dataclass(frozen=True)
class Layer:
    """One blob of a model: `digest` is `sha256:...`, `size` in bytes."""

    digest: str
    size: int


class Shelf:
    """What is on disk; safe for threads, and remembered in `folder` if there is one."""

    def __init__(
        self, folder: Path | None = None, faults: Sequence[Fault] = (), digest: str = ""
    ) -> None:
        """`faults` of the kinds `pull-...` count pulls; `digest` is for ever.

        Every model has the given `digest` (hex), if there is one, else one of its own.
        """
        self._path = folder / _STATE if folder else None
        self._faults = [each for each in faults if each.kind.startswith("pull-")]
        self._other = any(each.kind == "digest" for each in faults)
        self._digest = digest
        self._lock = threading.Lock()
        self._pulls = 0
        self._whole: set[str] = set()
        self._got: dict[str, int] = {}  # bytes of each layer by digest
        if self._path and self._path.exists():
            state = json.loads(self._path.read_text("utf-8"))
            self._whole, self._got = set(state["whole"]), dict(state["got"])

    @property
    def models(self) -> tuple[str, ...]:
        """The names of the models that were pulled to their end."""
        with self._lock:
            return tuple(sorted(self._whole))

    def digest(self, model: str) -> str:
        """The digest of a model, as the list of models shows it: hex."""
        return self._digest or hashlib.sha256(f"{model} {self._other}".encode()).hexdigest()

    def size(self, model: str) -> int:
        """The bytes of a model's layers."""
        return sum(layer.size for layer in self._layers(model))

    def pull(self, model: str) -> Iterator[JsonDict]:
        """The lines the server answers a pull with; raises `HangUp` where the line shall break."""
        with self._lock:
            self._pulls += 1
            fault = fault_for(self._faults, self._pulls)
        yield {"status": "pulling manifest"}
        if fault and fault.kind == "pull-missing":
            yield {"error": _ERRORS[fault.kind]}
            return
        for number, layer in enumerate(self._layers(model)):
            yield from self._download(layer, fault if number == 0 else None)
            if fault and number == 0 and fault.kind in _ERRORS:
                yield {"error": _ERRORS[fault.kind]}
                return
        yield {"status": "verifying sha256 digest"}
        yield {"status": "writing manifest"}
        with self._lock:
            self._whole.add(model)
            self._keep()
        yield {"status": "success"}

    def _download(self, layer: Layer, fault: Fault | None) -> Iterator[JsonDict]:
        stop = layer.size // 2 if fault else layer.size
        piece = max(1, layer.size // _PIECES)
        while (got := self._got.get(layer.digest, 0)) < layer.size:
            if got >= stop:
                if fault and fault.kind == "pull-break":
                    raise HangUp
                if fault and fault.kind == "pull-hang":
                    raise HangUp(silent=True)
                return
            with self._lock:
                self._got[layer.digest] = min(layer.size, got + piece)
                self._keep()
            yield self._progress(layer)
        yield self._progress(layer)

    def _progress(self, layer: Layer) -> JsonDict:
        return {
            "status": f"pulling {layer.digest[7:19]}",
            "digest": layer.digest,
            "total": layer.size,
            "completed": self._got[layer.digest],
        }

    def _layers(self, model: str) -> tuple[Layer, ...]:
        own = self.digest(model)
        return tuple(
            Layer(f"sha256:{hashlib.sha256(f'{own} {name}'.encode()).hexdigest()}", size)
            for name, size in _LAYERS
        )

    def _keep(self) -> None:
        if self._path is None:
            return
        state: Mapping[str, object] = {"whole": sorted(self._whole), "got": self._got}
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(state), "utf-8")
        fresh.replace(self._path)
