"""From folders of photos to splits and batches."""
