"""Networks: a backbone, an attention module, a pooled linear head. Needs the 'train' extra."""
