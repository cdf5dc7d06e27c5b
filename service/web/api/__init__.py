"""The control API under `/v1`."""
