"""The command line: settings read once and passed inward, live views, and the wiring of everything."""
