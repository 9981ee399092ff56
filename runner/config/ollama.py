"""The pins of the Ollama sidecar: `images/ollama/ollama.toml`, read here and nowhere else."""

import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import Field
from pydantic.dataclasses import dataclass as strict_dataclass

from runner.config.loading import STRICT, load_toml
from runner.config.settings import ROOT
from runner.errors import UsageError

PINS = ROOT / "images" / "ollama" / "ollama.toml"


@strict_dataclass(frozen=True, config=STRICT)
class ImagePin:
    """Which image: `digest` (`sha256:...`) is None while nobody has checked one."""

    name: str
    version: str
    digest: str | None = Field(default=None, pattern=r"^sha256:[0-9a-f]{64}$")

    @property
    def reference(self) -> str:
        """What is pulled."""
        return f"{self.name}@{self.digest}" if self.digest else f"{self.name}:{self.version}"


@strict_dataclass(frozen=True, config=STRICT)
class Pins:
    """The image, the server's variables, and digests of models by name (hex, 12 to 64 digits)."""

    image: ImagePin
    environment: Mapping[str, str] = Field(default_factory=dict)
    models: Mapping[str, str] = Field(default_factory=dict)


def load_pins(path: Path = PINS) -> Pins:
    """Read the pins; raises `UsageError` naming the file and the key."""
    pins = load_toml(path, Pins)
    for name, digest in pins.models.items():
        if not re.fullmatch(r"[0-9a-f]{12,64}", digest):
            raise UsageError(f"{path}: models.{name}: '{digest}' is not 12 to 64 hex digits")
    return pins
