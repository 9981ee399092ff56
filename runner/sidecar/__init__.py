"""The Ollama server of this machine: one container that trials share and that outlives them."""
