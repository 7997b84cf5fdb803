"""The original RecycleNet's commands and files, working here."""
