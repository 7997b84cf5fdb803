"""Answers for millions of photos: listed once, answered in parts by many processes, each part committed whole."""
