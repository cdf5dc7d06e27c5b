"""Subscriptions: who wants which events, as it is written in the file and sent to the API, and what each lets pass."""
