"""The published description of the events and read models: generated from the code, checked against what is stored.

``schemas/events`` and ``schemas/examples`` hold one file for every version of every event that ever was; a file of an
older version stays for ever. See :mod:`workers.schemas.checks` for what may change and what may not.
"""
