"""What all backends share when they print code and run it."""
