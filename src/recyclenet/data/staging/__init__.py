"""Items away from their white board: where the item is, made-up surfaces, and the two put together."""
