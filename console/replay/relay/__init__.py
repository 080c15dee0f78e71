"""Replays against the relay: the real agent with its store; both ends of the conversation are played."""
