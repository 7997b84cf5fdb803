"""From an exported float model to a small int8 one that answers the same, or to a refusal."""
