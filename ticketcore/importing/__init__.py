"""Importing other systems' logs by a mapping file, without code."""
