"""How long archspec takes, as ratios to what others take in the same run."""
