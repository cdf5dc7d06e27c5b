"""Foresees: what rules could come to, before anything is spent."""
