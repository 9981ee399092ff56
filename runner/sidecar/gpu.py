"""Asking the engine for GPUs, and what it means when it has none to give."""

# All there are; docker's client makes a `DeviceRequest` of it.
REQUEST: dict[str, object] = {"driver": "nvidia", "count": -1, "capabilities": [["gpu"]]}

FIX = (
    "install NVIDIA's driver and its Container Toolkit "
    "(`nvidia-ctk runtime configure --runtime=docker`, then restart Docker)"
)


def no_gpu(said: str) -> str | None:
    """Why there is no GPU, when that is what the engine's error is about; else None."""
    if "could not select device driver" in said:
        return "the Docker engine has no NVIDIA runtime"
    for line in said.splitlines():
        if "nvidia" in line.lower():
            return (
                f"NVIDIA's runtime failed: {line.rpartition('nvidia-container-cli: ')[2].strip()}"
            )
    return None
