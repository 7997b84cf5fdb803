"""Pictures where people would rather look than read: heatmaps, contact sheets, confusion matrices. Pillow only."""
