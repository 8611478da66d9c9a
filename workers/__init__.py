"""Processes around the core: the command line, projectors, importers and relays."""
