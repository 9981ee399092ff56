"""The task images: their inputs, their trees, how they are built and found again."""
