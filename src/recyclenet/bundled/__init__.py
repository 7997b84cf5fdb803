"""The model that comes with the package; its figures are in docs/model-card.md."""
