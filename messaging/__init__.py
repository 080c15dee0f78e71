"""Acknowledged exchange of packets: journal, courier, and sessions with a messaging server."""
