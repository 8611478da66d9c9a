"""Policies: rules by which tickets are classified, routed, promised and followed up."""
