"""Bearer tokens to principals, and the keys that verify the tokens."""
