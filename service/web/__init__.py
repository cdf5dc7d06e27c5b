"""Shows: the API, streams and health."""
