"""Pictures of the trials: what the figures look like, in light and in dark."""
