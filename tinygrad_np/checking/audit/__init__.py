"""The audit: an ordinary NumPy training function, and a verdict on every line of its backward pass."""
