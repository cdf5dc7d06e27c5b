"""Does: submits to gateways, and asks them about tasks that went silent."""
