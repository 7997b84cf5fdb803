"""Training: one explicit loop, and the few things it needs. Needs the 'train' extra."""
