"""Hold a thing up to a camera: a live picture, an answer that stands still, and the bin to throw it in."""
