"""matplotlib figures from plain arrays."""
