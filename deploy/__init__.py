"""Configuration for, and running of, the real servers under a site: Prosody, OpenSSH, systemd units.

This room stands alone: it imports none of the others.
"""
