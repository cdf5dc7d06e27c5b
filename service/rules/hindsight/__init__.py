"""Looks back: what rules did, and what they would have done, by the code that decides."""
