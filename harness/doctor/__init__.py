"""What this machine is, and what would disturb a measurement on it. Without torch."""
