"""What we decide and show."""
