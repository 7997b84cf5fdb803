"""Hold a thing up to a camera: a live picture, and an answer for the moment that is captured."""
