"""The door, both directions: protocols and signatures."""
