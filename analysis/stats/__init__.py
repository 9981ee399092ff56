"""What the trials say and how sure that is: pure functions over rows and arrays."""
