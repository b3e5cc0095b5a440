"""Areas of a map: counted on the true ground, and estimated from a reference sample."""
