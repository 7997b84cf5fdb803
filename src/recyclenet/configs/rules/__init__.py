"""Rules from materials to bins as TOML files, one a collection system."""
