"""``python -m console`` is ``followup``."""

from console.app import main

main()
