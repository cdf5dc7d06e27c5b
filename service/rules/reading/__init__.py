"""Reads: the rules of a file as they are written become the records of `service.rules`, or mistakes with a place."""
