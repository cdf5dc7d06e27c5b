"""Carries out what rules owe that costs nothing: tells people, and keeps pictures."""
