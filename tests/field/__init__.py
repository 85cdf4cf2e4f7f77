"""What public bug reports show of other people's telemetry, rebuilt: each case with what it must come to."""
