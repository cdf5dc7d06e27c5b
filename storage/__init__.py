"""What is true: the ledger and the one thread that writes it."""
