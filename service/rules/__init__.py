"""Decides: the rules of `ringback.yaml`, matched against what the ledger says."""
