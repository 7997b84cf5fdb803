"""A model learns a camera, and new classes, from a few photos: its linear head alone, in the exported file."""
