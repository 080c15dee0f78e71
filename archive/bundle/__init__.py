"""Bundles: one campaign of the archive in one file, to be kept, sent, imported and replayed.

A bundle is a tar archive compressed with Zstandard. Its first two members say how to read it (for people)
and what is in it (for programs, with checksums).
"""
