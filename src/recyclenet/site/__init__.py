"""The page as a static folder: the model answers in the visitor's own browser, and any host can give it out."""
