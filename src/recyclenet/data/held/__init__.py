"""Photos decoded once and held in a device's memory, where augmented views are made of them in batches."""
