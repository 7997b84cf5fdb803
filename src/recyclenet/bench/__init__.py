"""Speed, as ratios of things that were measured in turn in one run."""
