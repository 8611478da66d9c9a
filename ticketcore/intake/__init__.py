"""Inbound correspondence from every channel: which ticket it belongs to, and whose it is."""
