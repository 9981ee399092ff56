"""Asking the engine for GPUs, and what it means when it has none to give."""

# All there are; docker's client makes a `DeviceRequest` of it.
REQUEST: dict[str, object] = {"driver": "nvidia", "count": -1, "capabilities": [["gpu"]]}

FIX = (
    "install NVIDIA's driver and its Container Toolkit "
    "(`nvidia-ctk runtime configure --runtime=docker`, then restart Docker)"
)

# Why a container has no GPU that was started without asking for one, by its recipe's kind.
NOT_ASKED = {"ollama": "OLLAMA_GPU=off", "standin": "a stand-in needs none"}


def on_cpu(name: str, why: str) -> str:
    """What is said at the start of a sidecar without a GPU, when one would be welcome."""
    if why in NOT_ASKED.values():
        return (
            f"{name} runs on the CPU, slowly: it was started so ({why}). To have it look for a "
            "GPU, `runner ollama --stop`, then repeat the command"
        )
    return (
        f"{name} runs on the CPU, slowly: {why}. To use a GPU, {FIX}, then `runner ollama --stop`"
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
