"""Plays the other side: a gateway with its vices, for tests, demos and development."""
