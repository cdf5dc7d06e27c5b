"""The facade: the gateways' own protocol, spoken from the ledger."""
