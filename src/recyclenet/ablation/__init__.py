"""Ablations: what each choice is worth, over seeds, beside the published figures."""
